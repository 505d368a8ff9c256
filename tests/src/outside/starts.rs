//! Idempotency.

use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Answered, Outside};
use crate::client::text;

/// A key that nobody has used before.
async fn fresh(server: &Outside) -> anyhow::Result<String> {
    let answered = server.get("/v2/test").await?;
    Ok(format!(
        "contract check {}",
        text(&answered.body, "request_id")?
    ))
}

async fn made(server: &Outside, key: &str, body: &Value) -> anyhow::Result<Answered> {
    let call = server.call(Method::POST, "/v2/agents");
    call.header("idempotency-key", key).json(body).send().await
}

pub(super) async fn replayed(server: &Outside) -> anyhow::Result<()> {
    let (key, body) = (fresh(server).await?, json!({"name": "Contract check"}));

    let first = made(server, &key, &body).await?;
    let second = made(server, &key, &body).await?;

    ensure!(
        (first.status, second.status) == (201, 201),
        "{}",
        second.body
    );
    ensure!(
        first.bytes == second.bytes,
        "{} {}",
        first.body,
        second.body
    );
    ensure!(
        first.header("idempotent-replayed").is_empty(),
        "the first is none"
    );
    ensure!(
        second.header("idempotent-replayed") == "true",
        "{:?}",
        second.headers
    );
    ensure!(
        first.header("x-request-id") != second.header("x-request-id"),
        "its own id"
    );
    Ok(())
}

pub(super) async fn another_body(server: &Outside) -> anyhow::Result<()> {
    let key = fresh(server).await?;

    made(server, &key, &json!({"name": "Contract check"})).await?;
    let other = made(server, &key, &json!({"name": "Another"})).await?;

    other.expect(409, "idempotency_error")
}

pub(super) async fn key_form(server: &Outside) -> anyhow::Result<()> {
    let body = json!({"name": "Contract check"});
    for key in ["", "schlüssel", &"k".repeat(257)] {
        let refused = made(server, key, &body).await?;
        refused.expect(400, "idempotency_key_error")?;
    }
    let start = fresh(server).await?;
    let longest = format!("{start:~<256}");
    let taken = made(server, &longest, &body).await?;
    ensure!(taken.status == 201, "{}", taken.body);
    Ok(())
}

pub(super) async fn errors_are_not_kept(server: &Outside) -> anyhow::Result<()> {
    let key = fresh(server).await?;

    let refused = made(server, &key, &json!({})).await?;
    let mended = made(server, &key, &json!({"name": "Contract check"})).await?;

    refused.expect(400, "input_missing")?;
    ensure!(mended.status == 201, "{}", mended.body);
    Ok(())
}

pub(super) async fn at_the_same_time(server: &Outside) -> anyhow::Result<()> {
    let (key, body) = (fresh(server).await?, json!({"name": "Contract check"}));

    let (one, other) = tokio::join!(made(server, &key, &body), made(server, &key, &body));

    let (one, other) = (one?, other?);
    ensure!(
        (one.status, other.status) == (201, 201),
        "{} {}",
        one.body,
        other.body
    );
    ensure!(one.bytes == other.bytes, "{} {}", one.body, other.body);
    Ok(())
}

pub(super) async fn others(server: &Outside) -> anyhow::Result<()> {
    let agent = server.agent().await?;
    let agent = format!("/v2/agents/{}", text(&agent, "id")?);
    let run = server.run(json!({})).await?;
    let cancel = format!("/v2/task-runs/{}/cancel", text(&run, "id")?);
    let change = json!({"name": "Renamed"});
    let calls = [
        (Method::PATCH, &agent, Some(&change)),
        (Method::POST, &cancel, None),
        (Method::DELETE, &agent, None),
    ];

    for (method, path, body) in calls {
        let key = fresh(server).await?;
        let call = || {
            let call = server.call(method.clone(), path);
            let call = call.header("idempotency-key", &key);
            match body {
                Some(body) => call.json(body),
                None => call,
            }
        };
        let first = call().send().await?;
        let second = call().send().await?;

        ensure!(first.status == 200, "{method}: {}", first.body);
        ensure!(second.status == 200, "{method}: {}", second.body);
        ensure!(first.bytes == second.bytes, "{method}: {}", second.body);
        let told = second.header("idempotent-replayed");
        ensure!(told == "true", "{method}: {told}");
    }
    Ok(())
}

pub(super) async fn waiting(server: &Outside) -> anyhow::Result<()> {
    let (task, key) = (server.task(json!({})).await?, fresh(server).await?);
    let path = format!("/v2/tasks/{}/run", text(&task, "id")?);
    let start = || {
        let call = server.call(Method::POST, &path);
        call.header("idempotency-key", &key).json(&json!({}))
    };
    let first = start().send().await?;
    ensure!(first.status == 201, "{}", first.body);
    let cancel = format!("/v2/task-runs/{}/cancel", text(&first.body, "id")?);
    server.call(Method::POST, &cancel).send().await?;

    let kept = start().send().await?;
    let read = start().header("prefer", "wait=5").send().await?;

    ensure!(kept.bytes == first.bytes, "{}", kept.body);
    ensure!(read.body["id"] == first.body["id"], "{}", read.body);
    ensure!(read.body["status"] == "canceled", "{}", read.body);
    for repeated in [kept, read] {
        let told = repeated.header("idempotent-replayed");
        ensure!(
            repeated.status == 201 && told == "true",
            "{}: {told}",
            repeated.status
        );
    }
    Ok(())
}

pub(super) async fn reads(server: &Outside) -> anyhow::Result<()> {
    let call = || {
        server
            .call(Method::GET, "/v2/test")
            .header("idempotency-key", "schlüssel")
    };

    let answered = call().send().await?;

    ensure!(answered.status == 200, "{}", answered.body);
    ensure!(
        answered.header("idempotent-replayed").is_empty(),
        "a read was kept"
    );
    Ok(())
}
