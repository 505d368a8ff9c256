//! What is told of the limit of requests.

use anyhow::ensure;
use reqwest::Method;

use super::server::{Answered, Outside};

const HEADERS: [&str; 3] = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

/// Limit, remaining and reset; None where the server has no limit.
fn told(answered: &Answered) -> anyhow::Result<Option<[u64; 3]>> {
    let given = HEADERS.map(|name| answered.header(name));
    if given == [""; 3] {
        return Ok(None);
    }
    let mut numbers = [0; 3];
    for (number, text) in numbers.iter_mut().zip(given) {
        *number = text.parse()?;
    }
    Ok(Some(numbers))
}

pub(super) async fn headers(server: &Outside) -> anyhow::Result<()> {
    let answers = [
        server.get("/v2/test").await?,
        server.get("/v2/agents/agt_unknown").await?,
        server.get("/v2/agents?limit=0").await?,
    ];
    let Some(first) = told(&answers[0])? else {
        // A server without a limit says so of every answer.
        for answered in &answers {
            ensure!(told(answered)?.is_none(), "{:?}", answered.headers);
        }
        return Ok(());
    };
    let mut before = first;
    for answered in &answers[1..] {
        let Some(now) = told(answered)? else {
            anyhow::bail!("{} without {HEADERS:?}", answered.status);
        };
        ensure!(now[0] == first[0], "another limit: {now:?}");
        ensure!(now[1] < now[0], "it is counted: {now:?}");
        // The window may have ended in between.
        ensure!(
            now[1] < before[1] || now[2] >= before[2],
            "{before:?} {now:?}"
        );
        ensure!(now[2] <= 10, "a window is ten seconds: {now:?}");
        before = now;
    }
    Ok(())
}

pub(super) async fn unknown_keys(server: &Outside) -> anyhow::Result<()> {
    let call = server.open(Method::GET, "/v2/test");
    let call = call.header("authorization", "Bearer sk_test_wrong");
    let answered = call.send().await?;

    ensure!(told(&answered)?.is_none(), "{:?}", answered.headers);
    Ok(())
}
