//! How many calls an organization may make. Source: docs/api.md, "Limits".

use http::{HeaderMap, Method};
use rstest::rstest;
use serde_json::json;
use windlass_api::CallLimits;
use windlass_application::{Created, PageRequest, Position};

use crate::fixture::{Answered, Fixture};

/// How many requests a window takes here.
const REQUESTS: u32 = 6;

/// What an answer says of the rate: limit, remaining, reset.
fn rate(headers: &HeaderMap) -> Option<(u32, u32, u32)> {
    let number = |name| headers.get(name)?.to_str().ok()?.parse().ok();
    Some((
        number("ratelimit-limit")?,
        number("ratelimit-remaining")?,
        number("ratelimit-reset")?,
    ))
}

fn remaining(answered: &Answered) -> u32 {
    let (limit, remaining, reset) = rate(&answered.headers).expect("it counts");
    assert_eq!(limit, REQUESTS);
    assert!((1..=10).contains(&reset), "{reset}");
    remaining
}

async fn few_requests() -> Fixture {
    Fixture::with_limits(CallLimits {
        requests: REQUESTS,
        open_calls: 2,
    })
    .await
}

#[tokio::test]
async fn every_answer_to_a_known_caller_says_what_is_left_and_the_next_are_refused() {
    let fixture = few_requests().await;

    let read = fixture.get("/v2/agents").await;
    let refused = fixture.get("/v2/agents?limit=0").await;
    let unknown = fixture.get("/v2/agents/agt_none").await;
    let beyond = fixture
        .call_with(&fixture.reader, Method::POST, "/v2/agents")
        .send()
        .await;
    let made = fixture.post("/v2/agents", json!({"name": "Bills"})).await;
    let nowhere = fixture.get("/v2/test?x=1").await;
    let over = fixture.post("/v2/agents", json!({"name": "More"})).await;

    let told = [&read, &refused, &unknown, &beyond, &made, &nowhere].map(remaining);
    assert_eq!(told, [5, 4, 3, 2, 1, 0]);
    assert_eq!(beyond.error().0, 403);
    assert_eq!(over.error(), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(remaining(&over), 0);
    let retry_after = over.headers["retry-after"].to_str().unwrap();
    let (_, _, reset) = rate(&over.headers).unwrap();
    assert_eq!(retry_after, reset.to_string());
    assert_eq!(over.body()["errors"][0]["type"], "rate_limit");
}

#[tokio::test]
async fn what_was_refused_for_the_rate_did_nothing_and_harms_no_other_organization() {
    let fixture = few_requests().await;
    for _ in 0..REQUESTS {
        fixture.get("/v2/test").await;
    }

    let over = fixture.post("/v2/agents", json!({"name": "More"})).await;
    let theirs = fixture
        .call_with(&fixture.stranger, Method::GET, "/v2/agents")
        .send()
        .await;

    assert_eq!(over.error(), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(remaining(&theirs), REQUESTS - 1);
    let agents = &fixture.application.ports.agents;
    let all = PageRequest {
        position: Position::Start,
        limit: 10,
    };
    let made = agents.list(fixture.organization().await, Created::default(), all);
    assert_eq!(made.await.unwrap().items, []);
}

#[rstest]
#[case(Method::GET, "/openapi.json")]
#[case(Method::GET, "/v2/agents")]
#[case(Method::GET, "/v2/nothing")]
#[tokio::test]
async fn who_is_not_known_is_not_counted(#[case] method: Method, #[case] path: &str) {
    let fixture = few_requests().await;

    let answered = fixture.open(method, path).send().await;

    assert_eq!(rate(&answered.headers), None);
}

#[tokio::test]
async fn a_rate_of_0_counts_nothing() {
    let fixture = Fixture::with_limits(CallLimits {
        requests: 0,
        open_calls: 1,
    })
    .await;

    let answered = fixture.get("/v2/agents").await;

    assert_eq!(answered.status, 200);
    assert_eq!(rate(&answered.headers), None);
}

#[tokio::test]
async fn waits_are_no_requests_but_as_many_are_open_as_may() {
    let fixture = few_requests().await;
    let run_id = fixture.run().await;
    let path = format!("/v2/task-runs/{run_id}?wait=60");
    let left = remaining(&fixture.get("/v2/test").await);

    // Whoever comes last of the three is refused, and lets the others go.
    let waits = async || {
        let answered = fixture.get(&path).await;
        if answered.status == 429 {
            fixture.drain.begin();
        }
        answered
    };
    let (first, second, third) = tokio::join!(waits(), waits(), waits());

    let (refused, answered): (Vec<_>, Vec<_>) = [first, second, third]
        .into_iter()
        .partition(|answered| answered.status == 429);
    for answered in &answered {
        assert_eq!(answered.status, 200);
        assert_eq!(rate(&answered.headers), None);
    }
    assert_eq!((refused.len(), answered.len()), (1, 2));
    assert_eq!(refused[0].error().1, "rate_limit_exceeded");
    assert_eq!(refused[0].headers["retry-after"], "1");
    let again = fixture.get(&path).await;
    assert_eq!(again.status, 200, "what has ended is not open");
    let counted = fixture.get("/v2/test").await;
    assert_eq!(remaining(&counted), left - 1, "no wait was counted");
}

#[tokio::test]
async fn a_wait_beyond_those_that_may_be_open_is_refused() {
    let fixture = Fixture::with_limits(CallLimits {
        requests: REQUESTS,
        open_calls: 0,
    })
    .await;

    let refused = fixture.get("/v2/task-runs/trun_none?wait=60").await;
    let no_wait = fixture.get("/v2/task-runs/trun_none?wait=61").await;
    let elsewhere = fixture
        .call(Method::GET, "/v2/agents")
        .header("prefer", "wait=60")
        .send()
        .await;

    assert_eq!(refused.error(), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(remaining(&no_wait), REQUESTS - 1);
    assert_eq!(remaining(&elsewhere), REQUESTS - 2, "a request as any");
}

#[tokio::test]
async fn a_start_that_waits_is_a_request_and_open() {
    let fixture = Fixture::with_limits(CallLimits {
        requests: REQUESTS,
        open_calls: 0,
    })
    .await;
    let task_id = fixture.task().await;

    let path = format!("/v2/tasks/{task_id}/run");
    let refused = fixture
        .call(Method::POST, &path)
        .header("prefer", "wait=60")
        .json(&json!({"input": {"month": "2025-12"}}))
        .send()
        .await;

    assert_eq!(refused.error(), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!(remaining(&refused), REQUESTS - 3);
    let runs = fixture.get("/v2/task-runs").await.body();
    assert_eq!(runs["data"], json!([]));
}
