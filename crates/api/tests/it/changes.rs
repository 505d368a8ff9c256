//! PATCH: what is left out stays, null clears where it may, and what cannot change is told.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::fixture::{Answered, Fixture};

pub(crate) async fn patch(fixture: &Fixture, path: &str, body: &Value) -> Answered {
    fixture.call(Method::PATCH, path).json(body).send().await
}

async fn types(fixture: &Fixture) -> Vec<String> {
    let body = fixture.get("/v2/events?limit=100").await.body();
    let events = body["data"].as_array().expect("a list").iter();
    events
        .map(|event| event["type"].as_str().expect("a type").to_owned())
        .collect()
}

/// All that is wrong, as code and field.
fn told(answered: &Answered) -> Value {
    let body = answered.body();
    let errors = body["errors"].as_array().expect("errors").iter();
    errors
        .map(|error| json!([error["code"], error["field"]]))
        .collect()
}

#[tokio::test]
async fn a_changed_agent_is_answered_whole() {
    let fixture = Fixture::new().await;
    let agent = format!("/v2/agents/{}", fixture.agent().await);
    let before = fixture.get(&agent).await.body();

    let set = patch(&fixture, &agent, &json!({"description": "Three suppliers"})).await;
    let cleared = patch(
        &fixture,
        &agent,
        &json!({"description": null, "name": null}),
    )
    .await;

    assert_eq!(set.status, 200);
    assert_eq!(set.body()["description"], "Three suppliers");
    assert_eq!(set.body()["name"], before["name"]);
    assert_eq!(set.body()["created_at"], before["created_at"]);
    assert_ne!(set.body()["updated_at"], before["updated_at"]);
    assert_eq!(cleared.body()["description"], Value::Null);
    assert_eq!(cleared.body()["name"], before["name"]);
    let mut read = fixture.get(&agent).await.body();
    read["request_id"] = cleared.body()["request_id"].clone();
    assert_eq!(read, cleared.body());
    assert_eq!(
        types(&fixture).await[..2],
        ["agent.updated", "agent.updated"]
    );
}

#[tokio::test]
async fn a_source_keeps_its_type_and_may_lose_its_name() {
    let fixture = Fixture::new().await;
    let source = format!("/v2/sources/{}", fixture.source().await);

    let changed = patch(
        &fixture,
        &source,
        &json!({"name": null, "website": {"url": "https://nordlys.example/new"}}),
    )
    .await;

    assert_eq!(changed.status, 200);
    assert_eq!(changed.body()["name"], Value::Null);
    assert_eq!(changed.body()["type"], "website");
    assert_eq!(
        changed.body()["website"]["url"],
        "https://nordlys.example/new"
    );
    assert_eq!(types(&fixture).await[0], "source.updated");
}

#[tokio::test]
async fn a_tasks_settings_change_field_by_field_and_the_rest_whole() {
    let fixture = Fixture::new().await;
    let task = format!("/v2/tasks/{}", fixture.task().await);
    let first = json!({"prompt": "Find it.", "storage": {"enabled": true, "extraction_prompt": "Sums."},
        "settings": {"timeout_seconds": 600, "concurrency": {"per_source": 2}}});
    let first = patch(&fixture, &task, &first).await;
    let second = json!({"prompt": null, "storage": {"enabled": false}, "input_schema": null,
        "settings": {"priority": 9, "timeout_seconds": null, "concurrency": {}}});

    let second = patch(&fixture, &task, &second).await;
    let third = patch(&fixture, &task, &json!({"extraction": true})).await;
    let fourth = patch(&fixture, &task, &json!({"storage": null})).await;

    assert_eq!(first.status, 200, "{:?}", first.body());
    assert_eq!(first.body()["settings"]["concurrency"]["per_source"], 2);
    let body = second.body();
    assert_eq!(body["prompt"], Value::Null);
    assert_eq!(body["input_schema"], Value::Null);
    assert_eq!(body["storage"]["enabled"], false);
    assert_eq!(body["storage"]["extraction_prompt"], Value::Null);
    assert_eq!(
        body["settings"]["timeout_seconds"], 600,
        "null leaves it out"
    );
    assert_eq!(body["settings"]["priority"], 9);
    assert_eq!(body["settings"]["concurrency"], Value::Null);
    assert_eq!(body["settings"]["max_attempts"], 1);
    let body = third.body();
    assert_eq!(body["extraction"], true);
    assert_eq!(body["storage"]["extraction"], true);
    assert_eq!(body["storage"]["enabled"], false);
    assert_eq!(fourth.body()["storage"], Value::Null);
    assert_eq!(fourth.body()["extraction"], false);
}

#[tokio::test]
async fn a_reset_task_is_learning() {
    let fixture = Fixture::new().await;
    let task = fixture.task().await;
    let path = format!("/v2/tasks/{task}/reset");

    let reset = fixture.call(Method::POST, &path).send().await;
    let unknown = fixture.call(Method::POST, "/v2/tasks/task_no/reset").send();

    assert_eq!(reset.status, 200);
    assert_eq!(reset.body()["id"], task.as_str());
    assert_eq!(reset.body()["status"], "learning");
    assert_eq!(types(&fixture).await[0], "task.reset");
    assert_eq!(unknown.await.error(), (404, "task_not_found".to_owned()));
}

#[rstest]
#[case::agent("agents", json!({"id": "agt_2", "nam": "x", "name": " "}),
    json!([["input_unknown", "nam"], ["input_invalid", "id"], ["input_missing", "name"]]))]
#[case::source("sources", json!({"type": "website", "id": "src_2", "website": {"url": "ftp://a"}}),
    json!([["input_invalid", "id"], ["input_invalid", "type"], ["input_invalid", "website.url"]]))]
#[case::no_url("sources", json!({"website": {}}), json!([["input_missing", "website.url"]]))]
#[case::task("tasks", json!({"id": "task_2", "agent_id": "agt_2", "settings": {"priority": 10}}),
    json!([["input_invalid", "agent_id"], ["input_invalid", "id"], ["input_invalid", "settings.priority"]]))]
#[case::schema("tasks", json!({"output_schema": {"type": "strin"}}),
    json!([["schema_invalid", "output_schema"]]))]
#[case::extraction("tasks", json!({"storage": null, "extraction": true}),
    json!([["input_invalid", "extraction"]]))]
#[case::storage("tasks", json!({"storage": {"extraction": true}}),
    json!([["input_missing", "storage.enabled"]]))]
#[tokio::test]
async fn what_cannot_be_is_told_and_changes_nothing(
    #[case] resource: &str,
    #[case] body: Value,
    #[case] expected: Value,
) {
    let fixture = Fixture::new().await;
    let id = match resource {
        "agents" => fixture.agent().await,
        "sources" => fixture.source().await,
        _ => fixture.task().await,
    };
    let path = format!("/v2/{resource}/{id}");
    let before = (fixture.get(&path).await.body(), types(&fixture).await);

    let refused = patch(&fixture, &path, &body).await;

    assert_eq!(refused.status, 400);
    assert_eq!(told(&refused), expected);
    let mut after = (fixture.get(&path).await.body(), types(&fixture).await);
    after.0["request_id"] = before.0["request_id"].clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn an_empty_change_answers_what_is_there() {
    let fixture = Fixture::new().await;
    for path in [
        format!("/v2/agents/{}", fixture.agent().await),
        format!("/v2/sources/{}", fixture.source().await),
        format!("/v2/tasks/{}", fixture.task().await),
    ] {
        let before = (fixture.get(&path).await.body(), types(&fixture).await);

        let changed = patch(&fixture, &path, &json!({"id": null, "name": null})).await;
        let empty = patch(&fixture, &path, &json!({})).await;

        if path.starts_with("/v2/sources") {
            assert_eq!(changed.body()["name"], Value::Null);
            continue;
        }
        assert_eq!(changed.status, 200, "{path} {:?}", changed.body());
        assert_eq!(empty.body()["updated_at"], before.0["updated_at"]);
        assert_eq!(types(&fixture).await, before.1);
    }
}

#[tokio::test]
async fn a_repeated_change_has_one_effect() {
    let fixture = Fixture::new().await;
    let path = format!("/v2/agents/{}", fixture.agent().await);
    let once = async || {
        let call = fixture.call(Method::PATCH, &path);
        let call = call.header("idempotency-key", "once");
        call.json(&json!({"name": "Bills"})).send().await
    };

    let first = once().await;
    patch(&fixture, &path, &json!({"name": "Other"})).await;
    let second = once().await;

    assert_eq!(second.bytes, first.bytes);
    assert_eq!(second.headers["idempotent-replayed"], "true");
    assert_eq!(fixture.get(&path).await.body()["name"], "Other");
}

#[tokio::test]
async fn what_is_anothers_is_not_there_to_be_changed() {
    let fixture = Fixture::new().await;
    for (path, code) in [
        (
            format!("/v2/agents/{}", fixture.agent().await),
            "agent_not_found",
        ),
        (
            format!("/v2/sources/{}", fixture.source().await),
            "source_not_found",
        ),
        (
            format!("/v2/tasks/{}", fixture.task().await),
            "task_not_found",
        ),
    ] {
        let call = fixture.call_with(&fixture.stranger, Method::PATCH, &path);
        let refused = call.json(&json!({"name": "Theirs"})).send().await;

        assert_eq!(refused.error(), (404, code.to_owned()));
        assert_ne!(fixture.get(&path).await.body()["name"], "Theirs");
    }
}

#[tokio::test]
async fn new_secrets_replace_the_old_ones_and_are_not_verified() {
    let fixture = Fixture::new().await;
    let credential = fixture.credential(&fixture.source().await).await;
    let path = format!("/v2/credentials/{credential}");
    let before = fixture.get(&path).await.body();
    let secrets = json!({"username": "kari@new.example", "password": "høst",
        "source_fields": {"customer": "4711"}});

    let named = patch(&fixture, &path, &json!({"external_id": "person-9"})).await;
    let renewed = patch(&fixture, &path, &json!({"auth_credentials": secrets})).await;
    let nulls = json!({"external_id": null, "auth_credentials": null});
    let cleared = patch(&fixture, &path, &nulls).await;

    assert_eq!(named.status, 200);
    assert_eq!(named.body()["external_id"], "person-9");
    assert_eq!(named.body()["auth_credentials"], before["auth_credentials"]);
    let body = renewed.body();
    assert_eq!(
        body["auth_credentials"],
        json!({"username": "kari@new.example", "key": null, "source_fields": {"customer": "4711"}})
    );
    assert_eq!(body["status"], "unverified");
    assert_eq!(body["external_id"], "person-9");
    assert_eq!(cleared.body()["external_id"], Value::Null);
    assert_eq!(cleared.body()["auth_credentials"], body["auth_credentials"]);
    let types = types(&fixture).await;
    assert_eq!(types[..2], ["credential.unverified", "credential.created"]);
    let shown = String::from_utf8(renewed.bytes).unwrap();
    assert!(!shown.contains("høst"), "{shown}");
}

#[rstest]
#[case::fixed(json!({"source_id": "src_2", "auth_method": "none", "status": "verified"}),
    json!([["input_unknown", "status"], ["input_invalid", "auth_method"], ["input_invalid", "source_id"]]))]
#[case::no_password(json!({"auth_credentials": {"username": "kari"}, "external_id": 7}),
    json!([["input_invalid", "external_id"], ["input_missing", "auth_credentials.password"]]))]
#[case::nothing(json!({"auth_credentials": {}}),
    json!([["input_missing", "auth_credentials.username"], ["input_missing", "auth_credentials.password"]]))]
#[tokio::test]
async fn a_credential_that_cannot_be_stays_as_it_is(#[case] body: Value, #[case] expected: Value) {
    let fixture = Fixture::new().await;
    let credential = fixture.credential(&fixture.source().await).await;
    let path = format!("/v2/credentials/{credential}");
    let before = types(&fixture).await;

    let refused = patch(&fixture, &path, &body).await;

    assert_eq!(refused.status, 400);
    assert_eq!(told(&refused), expected);
    assert_eq!(types(&fixture).await, before);
}

#[tokio::test]
async fn a_deleted_credential_is_not_changed() {
    let fixture = Fixture::new().await;
    let credential = fixture.credential(&fixture.source().await).await;
    let path = format!("/v2/credentials/{credential}");
    fixture.call(Method::DELETE, &path).send().await;

    let refused = patch(&fixture, &path, &json!({"external_id": "person-9"})).await;
    let unknown = patch(&fixture, "/v2/credentials/cred_no", &json!({})).await;

    assert_eq!(refused.error(), (409, "credential_deleted".to_owned()));
    assert_eq!(unknown.error(), (404, "credential_not_found".to_owned()));
}
