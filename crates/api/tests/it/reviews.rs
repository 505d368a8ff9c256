//! An output waits for a person, who approves it, corrects it, or rejects it.

use http::Method;
use serde_json::json;

use crate::fixture::Fixture;
use crate::held::Held;

/// A run whose output waits for a review, and the path of that.
async fn reviewed(fixture: &Fixture) -> (Held<'_>, String) {
    let (agent_id, source_id) = (fixture.agent().await, fixture.source().await);
    let schema = json!({"properties": {"amount": {"type": "number"}}, "required": ["amount"]});
    let task = json!({"name": "Latest bill", "agent_id": agent_id, "output_schema": schema,
        "settings": {"review": "required"}});
    let task_id = fixture.post("/v2/tasks", task).await.id();
    let path = format!("/v2/tasks/{task_id}/run");
    fixture.post(&path, json!({"source_id": source_id})).await;
    let held = Held::next(fixture).await;
    held.succeed(json!({"amount": 12.5})).await;
    let path = format!("/v2/task-runs/{}/review", held.run_id);
    (held, path)
}

#[tokio::test]
async fn a_review_approves_with_a_corrected_output() {
    let fixture = Fixture::new().await;
    let (held, path) = reviewed(&fixture).await;
    let run = format!("/v2/task-runs/{}", held.run_id);
    let waiting = fixture.get(&run).await.body();

    let broken = json!({"decision": "approve", "output": {"amount": "13"}, "reson": "typo"});
    let broken = fixture.post(&path, broken).await;
    let unchanged = fixture.get(&run).await.body();
    let approve = async || {
        let call = fixture.call(Method::POST, &path);
        let body = json!({"decision": "approve", "output": {"amount": 13}});
        call.header("idempotency-key", "once")
            .json(&body)
            .send()
            .await
    };
    let (approved, replayed) = (approve().await, approve().await);
    let again = fixture.post(&path, json!({"decision": "approve"})).await;

    assert_eq!(waiting["status"], "review_required");
    assert_eq!(waiting["output"], json!({"amount": 12.5}));
    assert_eq!(broken.status, 400);
    let told: Vec<_> = broken.body()["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["code"].clone(), error["field"].clone()))
        .collect();
    let expected = [
        (json!("input_unknown"), json!("reson")),
        (json!("input_invalid"), json!("/amount")),
    ];
    assert_eq!(told, expected);
    assert_eq!(unchanged["updated_at"], waiting["updated_at"]);
    assert_eq!(unchanged["output"], waiting["output"]);
    assert_eq!(approved.status, 200);
    assert_eq!(approved.body()["status"], "completed");
    assert_eq!(approved.body()["result"], "success");
    assert_eq!(approved.body()["output"], json!({"amount": 13}));
    assert_eq!(replayed.bytes, approved.bytes);
    assert_eq!(again.error(), (409, "run_not_reviewable".to_owned()));
}

#[tokio::test]
async fn a_review_rejects_with_its_reason() {
    let fixture = Fixture::new().await;
    let (_held, path) = reviewed(&fixture).await;

    let body = json!({"decision": "reject", "reason": "The amount is of another month."});
    let rejected = fixture.post(&path, body).await;

    assert_eq!(rejected.status, 200);
    assert_eq!(rejected.body()["status"], "failed");
    assert_eq!(rejected.body()["output"], json!(null));
    assert_eq!(
        rejected.body()["errors"],
        json!([{"type": "task", "code": "review_rejected",
            "message": "The amount is of another month."}])
    );
}

#[tokio::test]
async fn a_review_says_what_it_decides() {
    let fixture = Fixture::new().await;
    let path = format!("/v2/task-runs/{}/review", fixture.run().await);

    let missing = fixture.post(&path, json!({"reason": "because"})).await;
    let unknown = fixture.post(&path, json!({"decision": "maybe"})).await;
    let output = json!({"decision": "reject", "output": {"month": "x"}});
    let output = fixture.post(&path, output).await;
    let queued = fixture.post(&path, json!({"decision": "approve"})).await;

    assert_eq!(missing.error(), (400, "input_missing".to_owned()));
    assert_eq!(unknown.error(), (400, "input_invalid".to_owned()));
    for (answered, field) in [
        (&missing, "decision"),
        (&unknown, "decision"),
        (&output, "output"),
    ] {
        let errors = answered.body()["errors"].clone();
        assert_eq!(errors[0]["field"], field);
        assert_eq!(errors.as_array().unwrap().len(), 1, "{errors}");
    }
    assert_eq!(output.error(), (400, "input_invalid".to_owned()));
    assert_eq!(queued.error(), (409, "run_not_reviewable".to_owned()));
    let message = queued.body()["errors"][0]["message"].to_string();
    assert!(message.contains("`queued`"), "{message}");
}
