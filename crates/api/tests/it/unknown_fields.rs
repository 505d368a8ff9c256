//! Clients of a newer API, where the operator lets them be served. Source: docs/api.md, "Bodies".

use http::Method;
use serde_json::{Value, json};

use crate::fixture::{Answered, Fixture};

fn ignored(answered: &Answered) -> Option<&str> {
    answered.headers.get("windlass-ignored")?.to_str().ok()
}

#[tokio::test]
async fn what_is_not_known_is_left_aside_and_named() {
    let fixture = Fixture::ignoring().await;

    let plain = fixture.post("/v2/agents", json!({"name": "Bills"})).await;
    let agent = json!({"name": "Bills", "colour": {"deep": [1]}, "a\r\nb": null});
    let agent = fixture.post("/v2/agents", agent).await;
    let website = json!({"url": "https://my.nordlys.example/", "urll": "x"});
    let source = json!({"type": "website", "website": website, "tags": []});
    let source = fixture.post("/v2/sources", source).await;
    let listed = fixture.get("/v2/agents?sort=name&limit=1").await;
    let run_id = fixture.run().await;
    let cancel = format!("/v2/task-runs/{run_id}/cancel");
    let canceled = fixture.post(&cancel, json!({"reason": "late"})).await;

    assert_eq!((plain.status.as_u16(), ignored(&plain)), (201, None));
    assert_eq!(agent.status, 201);
    assert_eq!(ignored(&agent), Some("a%0D%0Ab, colour"));
    assert_eq!(source.status, 200);
    assert_eq!(ignored(&source), Some("tags, website.urll"));
    assert_eq!(listed.body()["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(ignored(&listed), Some("sort"));
    assert_eq!(canceled.status, 200);
    assert_eq!(ignored(&canceled), Some("reason"));
}

/// What is known is checked as ever, and so is a run's input, which its task knows.
#[tokio::test]
async fn what_is_known_is_still_checked() {
    let fixture = Fixture::ignoring().await;
    let source_id = fixture.source().await;
    let schema = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let agent_id = fixture.agent().await;
    let task = json!({"name": "Bill", "agent_id": agent_id, "input_schema": schema});
    let task_id = fixture.post("/v2/tasks", task).await.id();

    let wrong = fixture
        .post("/v2/agents", json!({"name": 7, "colour": "blue"}))
        .await;
    let input = json!({"source_id": source_id, "input": {"month": 1}});
    let input = fixture
        .call(Method::POST, &format!("/v2/tasks/{task_id}/run"))
        .json(&input)
        .send()
        .await;

    assert_eq!(wrong.error(), (400, "input_invalid".to_owned()));
    assert_eq!(wrong.body()["errors"].as_array().map(Vec::len), Some(1));
    assert_eq!(ignored(&wrong), Some("colour"));
    assert_eq!(input.error(), (400, "input_unknown".to_owned()));
    assert_eq!(input.body()["errors"][0]["field"], Value::from("/month"));
}

/// A field that the resource has, and that a change cannot have, is known.
#[tokio::test]
async fn what_cannot_change_is_refused_all_the_same() {
    let fixture = Fixture::ignoring().await;
    let agent = format!("/v2/agents/{}", fixture.agent().await);
    let source_id = fixture.source().await;
    let source = format!("/v2/sources/{source_id}");
    let credential = format!("/v2/credentials/{}", fixture.credential(&source_id).await);
    let task = format!("/v2/tasks/{}", fixture.task().await);
    let destination = format!("/v2/event-destinations/{}", fixture.destination().await);

    for (path, field, value) in [
        (&agent, "id", json!("agt_other")),
        (&source, "id", json!("src_other")),
        (&source, "type", json!("app")),
        (&credential, "source_id", json!("src_other")),
        (&credential, "auth_method", json!("none")),
        (&task, "id", json!("task_other")),
        (&task, "agent_id", json!("agt_other")),
        (&destination, "type", json!("webhook")),
        (&destination, "rabbitmq", json!({"server_url": "mq"})),
    ] {
        let body = json!({field: value, "colour": "blue"});
        let answered = fixture.call(Method::PATCH, path).json(&body).send().await;

        let what = format!("{path} {field}");
        let invalid = (400, "input_invalid".to_owned());
        assert_eq!(answered.error(), invalid, "{what}");
        assert_eq!(answered.body()["errors"][0]["field"], field, "{what}");
        assert_eq!(ignored(&answered), Some("colour"), "{what}");
    }
}

/// What narrows a token and is misspelt would leave it wide.
#[tokio::test]
async fn a_token_is_never_wider_than_it_was_asked_for() {
    let fixture = Fixture::ignoring().await;
    let before = fixture.tables();

    let token = fixture
        .post("/v2/token", json!({"sourceid": "src_other"}))
        .await;

    assert_eq!(token.error(), (400, "input_unknown".to_owned()));
    assert_eq!(ignored(&token), None);
    assert_eq!(fixture.tables(), before, "nothing was written");
}
