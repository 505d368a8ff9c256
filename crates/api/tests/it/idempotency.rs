//! A request that is sent again has one effect and one answer.

use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

use crate::fixture::{Answered, Fixture};

async fn create(fixture: &Fixture, path: &str, key: &str, body: &Value) -> Answered {
    let call = fixture
        .call(Method::POST, path)
        .header("idempotency-key", key);
    call.json(body).send().await
}

async fn count(fixture: &Fixture, path: &str) -> usize {
    fixture.get(path).await.body()["data"]
        .as_array()
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_repeated_create_answers_the_first_bytes() {
    let fixture = Fixture::new().await;
    let body = json!({"name": "Utility bills"});

    let first = create(&fixture, "/v2/agents", "once", &body).await;
    let second = create(&fixture, "/v2/agents", "once", &body).await;

    assert_eq!(first.status, 201);
    assert_eq!(second.status, 201);
    assert_eq!(second.bytes, first.bytes);
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert!(first.headers.get("idempotent-replayed").is_none());
    assert_ne!(
        second.headers["x-request-id"],
        first.headers["x-request-id"]
    );
    assert_eq!(count(&fixture, "/v2/agents").await, 1);
}

#[tokio::test]
async fn a_secret_that_is_shown_once_is_in_the_repeated_answer() {
    let fixture = Fixture::new().await;
    let body = json!({"name": "Billing", "webhook": {"url": "https://hooks.bolig.example/"}});

    let first = create(&fixture, "/v2/event-destinations", "once", &body).await;
    let second = create(&fixture, "/v2/event-destinations", "once", &body).await;

    assert!(first.body()["webhook"]["secret"].is_string());
    assert_eq!(second.bytes, first.bytes);
    assert_eq!(count(&fixture, "/v2/event-destinations").await, 1);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let fixture = Fixture::new().await;

    create(&fixture, "/v2/agents", "once", &json!({"name": "One"})).await;
    let other = create(&fixture, "/v2/agents", "once", &json!({"name": "Another"})).await;

    assert_eq!(other.error(), (409, "idempotency_error".to_owned()));
    assert_eq!(count(&fixture, "/v2/agents").await, 1);
}

#[tokio::test]
async fn an_error_is_not_kept() {
    let fixture = Fixture::new().await;

    let refused = create(&fixture, "/v2/agents", "once", &json!({"name": " "})).await;
    let made = create(&fixture, "/v2/agents", "once", &json!({"name": "One"})).await;

    assert_eq!(refused.error(), (400, "input_missing".to_owned()));
    assert_eq!(made.status, 201);
}

#[tokio::test]
async fn a_key_counts_for_its_path_and_organization_alone() {
    let fixture = Fixture::new().await;
    let body = json!({"name": "One"});
    create(&fixture, "/v2/agents", "once", &body).await;

    let theirs = fixture
        .call_with(&fixture.stranger, Method::POST, "/v2/agents")
        .header("idempotency-key", "once")
        .json(&body)
        .send()
        .await;
    let source = json!({"type": "website", "website": {"url": "https://a.example"}});
    let elsewhere = create(&fixture, "/v2/sources", "once", &source).await;

    assert!(theirs.headers.get("idempotent-replayed").is_none());
    assert!(elsewhere.headers.get("idempotent-replayed").is_none());
}

#[tokio::test]
async fn a_repeated_call_without_a_body_answers_the_first_bytes() {
    let fixture = Fixture::new().await;
    let (agent_id, run_id) = (fixture.agent().await, fixture.run().await);
    let session_id = fixture.session_of(&fixture.run().await).await;

    for (method, path) in [
        (Method::DELETE, format!("/v2/agents/{agent_id}")),
        (Method::POST, format!("/v2/task-runs/{run_id}/cancel")),
        (Method::POST, format!("/v2/sessions/{session_id}/end")),
    ] {
        let once = async |body: &'static str| {
            let call = fixture
                .call(method.clone(), &path)
                .header("idempotency-key", "once");
            call.bytes(body).send().await
        };
        let first = once("").await;
        let second = once("{}").await;

        assert_eq!(first.status, 200, "{path}");
        assert_eq!(second.bytes, first.bytes, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_the_same_time_have_one_effect() {
    let fixture = Fixture::new().await;
    let (task_id, source_id) = (fixture.task().await, fixture.source().await);
    let path = format!("/v2/tasks/{task_id}/run");
    let body = json!({"source_id": source_id, "input": {"month": "2025-12"}});

    let callers = (0..50).map(|_| create(&fixture, &path, "once", &body));
    let answers = join_all(callers).await;

    for answered in &answers {
        assert_eq!(answered.status, 201);
        assert_eq!(answered.bytes, answers[0].bytes);
    }
    let replayed = answers
        .iter()
        .filter(|it| it.headers.contains_key("idempotent-replayed"));
    assert_eq!(replayed.count(), 49);
    assert_eq!(count(&fixture, "/v2/task-runs").await, 1);
}
