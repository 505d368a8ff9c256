//! A run through the calls of its caller.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use crate::fixture::Fixture;

#[tokio::test]
async fn an_input_that_breaks_its_schema_makes_no_run() {
    let fixture = Fixture::new().await;
    let (task_id, source_id) = (fixture.task().await, fixture.source().await);
    let path = format!("/v2/tasks/{task_id}/run");

    let wrong = fixture
        .post(
            &path,
            json!({"source_id": source_id, "input": {"month": 12}}),
        )
        .await;
    let missing = fixture.post(&path, json!({"source_id": source_id})).await;

    assert_eq!(wrong.error(), (400, "input_invalid".to_owned()));
    assert_eq!(wrong.body()["errors"][0]["field"], "/month");
    assert_eq!(missing.error(), (400, "input_missing".to_owned()));
    assert_eq!(fixture.get("/v2/task-runs").await.body()["data"], json!([]));
}

#[tokio::test]
async fn a_start_waits_for_as_long_as_it_is_asked_to() {
    let fixture = Fixture::new().await;
    let (task_id, source_id) = (fixture.task().await, fixture.source().await);
    let started = Instant::now();

    let body = json!({"source_id": source_id, "input": {"month": "2025-12"}});
    let call = fixture.call(Method::POST, &format!("/v2/tasks/{task_id}/run"));
    let answered = call.header("prefer", "wait=1").json(&body).send().await;

    assert_eq!(answered.status, 201);
    assert_eq!(answered.body()["status"], "queued");
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_wait_ends_with_the_run() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;
    let path = format!("/v2/task-runs/{id}?wait=60");

    let cancel = async {
        tokio::task::yield_now().await;
        fixture
            .call(Method::POST, &format!("/v2/task-runs/{id}/cancel"))
            .send()
            .await
    };
    let (waited, canceled) = tokio::join!(fixture.get(&path), cancel);

    assert_eq!(canceled.status, 200);
    assert_eq!(waited.body()["status"], "canceled");
    assert_eq!(waited.body()["result"], "unknown");
    assert!(waited.body()["canceled_at"].is_string());
}

#[tokio::test]
async fn a_wait_ends_with_the_server() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;
    fixture.drain.begin();

    let waited = fixture.get(&format!("/v2/task-runs/{id}?wait=60")).await;

    assert_eq!(waited.body()["status"], "queued");
}

#[tokio::test]
async fn a_run_that_asks_nothing_takes_no_answer() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;
    let path = format!("/v2/task-runs/{id}/interaction");

    let answered = fixture
        .post(&path, json!({"input": {"code": "604218"}}))
        .await;
    let declined = fixture.post(&path, json!({"decline": true})).await;
    let number = fixture
        .post(&path, json!({"input": {"code": 604_218}}))
        .await;
    let both = fixture
        .post(&path, json!({"inputs": {"code": "1"}, "decline": true}))
        .await;
    let nothing = fixture.post(&path, json!({})).await;

    assert_eq!(
        answered.error(),
        (409, "interaction_not_pending".to_owned())
    );
    assert_eq!(
        declined.error(),
        (409, "interaction_not_pending".to_owned())
    );
    assert_eq!(number.error(), (400, "input_invalid".to_owned()));
    assert_eq!(number.body()["errors"][0]["field"], "code");
    assert_eq!(both.error(), (400, "input_invalid".to_owned()));
    assert_eq!(nothing.error(), (400, "input_missing".to_owned()));
}

#[tokio::test]
async fn a_canceled_run_tells_its_story_in_order() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;
    fixture
        .call(Method::POST, &format!("/v2/task-runs/{id}/cancel"))
        .send()
        .await;

    let events = fixture
        .get(&format!("/v2/task-runs/{id}/events"))
        .await
        .body();
    let timeline = fixture
        .get(&format!("/v2/task-runs/{id}/timeline"))
        .await
        .body();

    let types = |body: &serde_json::Value, key: &str| -> Vec<String> {
        let items = body["data"].as_array().unwrap();
        items
            .iter()
            .map(|item| item[key].as_str().unwrap().to_owned())
            .collect()
    };
    let story = ["task_run.queued", "task_run.canceling", "task_run.canceled"];
    assert_eq!(types(&events, "type"), story);
    assert_eq!(types(&timeline, "message"), story);
}

#[tokio::test]
async fn an_ended_session_takes_its_runs_along_and_is_ended_once() {
    let fixture = Fixture::new().await;
    let run_id = fixture.run().await;
    let session_id = fixture.session_of(&run_id).await;
    let end = async || {
        let path = format!("/v2/sessions/{session_id}/end");
        fixture.call(Method::POST, &path).send().await
    };

    let (ended, again) = (end().await, end().await);

    let mut expected = fixture
        .get(&format!("/v2/sessions/{session_id}"))
        .await
        .body();
    assert_eq!(expected["status"], "completed");
    assert_eq!(expected["task_runs"][0]["id"], run_id.as_str());
    assert_eq!(expected["task_runs"][0]["status"], "canceled");
    for answered in [ended, again] {
        assert_eq!(answered.status, 200);
        let mut body = answered.body();
        assert!(body["request_id"].take().is_string());
        expected["request_id"].take();
        assert_eq!(body, expected);
    }
    let events = fixture
        .get("/v2/events?type=session.completed")
        .await
        .body();
    assert_eq!(events["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_in_use_is_not_deleted() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;
    let run = fixture.get(&format!("/v2/task-runs/{id}")).await.body();

    for (path, key) in [
        ("agents", "agent_id"),
        ("tasks", "task_id"),
        ("sources", "source_id"),
    ] {
        let path = format!("/v2/{path}/{}", run[key].as_str().unwrap());
        let refused = fixture.call(Method::DELETE, &path).send().await;

        assert_eq!(
            refused.error(),
            (409, "resource_in_use".to_owned()),
            "{path}"
        );
    }
}
