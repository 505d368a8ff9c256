//! Bad input: one clear error, nothing written, never a 500.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fixture::{Answered, Fixture};

/// What has been made so far, by its events.
async fn made(fixture: &Fixture) -> Value {
    fixture.get("/v2/events?limit=1").await.body()["data"].clone()
}

async fn post_bytes(fixture: &Fixture, bytes: impl Into<axum::body::Body>) -> Answered {
    let call = fixture.call(Method::POST, "/v2/agents");
    call.header("content-type", "application/json")
        .bytes(bytes)
        .send()
        .await
}

#[tokio::test]
async fn a_body_that_is_none_is_told_as_such() {
    let fixture = Fixture::new().await;
    let before = made(&fixture).await;

    for bytes in [
        &b""[..],
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        br#"{"name": "a", "name": "b"}"#,
        br#"{"name": "\ud800"}"#,
        b"{\"name\": \"\xff\"}",
        br#"{"name": NaN}"#,
        br#"{"name": 1e999}"#,
    ] {
        let answered = post_bytes(&fixture, bytes.to_vec()).await;
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(
            answered.error(),
            (400, "body_invalid".to_owned()),
            "{shown}"
        );
    }
    let deep = format!(
        "{{\"name\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert_eq!(
        post_bytes(&fixture, deep).await.error(),
        (400, "body_invalid".to_owned())
    );
    assert_eq!(made(&fixture).await, before);
}

#[tokio::test]
async fn what_is_wrong_with_form_and_values_is_told_at_once() {
    let fixture = Fixture::new().await;
    let run = format!("/v2/tasks/{}/run", fixture.task().await);
    let before = made(&fixture).await;

    for (path, body, expected) in [
        (
            "/v2/agents",
            json!({"nam": "Bills", "id": "agent-1", "description": 7}),
            json!([
                ["input_missing", "name"],
                ["input_unknown", "nam"],
                ["input_invalid", "description"],
                ["input_invalid", "id"],
            ]),
        ),
        (
            "/v2/sources",
            json!({"website": {"ur": "https://nordlys.example"}, "name": " "}),
            json!([
                ["input_missing", "type"],
                ["input_missing", "website.url"],
                ["input_unknown", "website.ur"],
                ["input_missing", "name"],
            ]),
        ),
        (
            "/v2/credentials",
            json!({"source_id": "src_unknown", "auth_method": 7, "auth_credentials": {"user": "kari"}}),
            json!([
                ["input_unknown", "auth_credentials.user"],
                ["input_invalid", "auth_method"],
                ["source_invalid", "source_id"],
            ]),
        ),
        (
            "/v2/tasks",
            json!({"name": " ", "agent_id": "agt_unknown", "output_shema": {}, "prompt": 7,
                "input_schema": {"type": "strin"}, "settings": {"revew": "none"}}),
            json!([
                ["input_unknown", "output_shema"],
                ["input_unknown", "settings.revew"],
                ["input_invalid", "prompt"],
                ["input_missing", "name"],
                ["agent_not_found", "agent_id"],
                ["schema_invalid", "input_schema"],
            ]),
        ),
        (
            "/v2/event-destinations",
            json!({"events": [], "webhook": {"url": "ftp://a", "custom_headers": 7}, "topic": "x"}),
            json!([
                ["input_missing", "name"],
                ["input_unknown", "topic"],
                ["input_invalid", "webhook.custom_headers"],
                ["input_invalid", "events"],
                ["input_invalid", "webhook.url"],
            ]),
        ),
        (
            run.as_str(),
            json!({"inputs": {}, "credential_id": "cred_unknown", "metadata": "x"}),
            json!([
                ["input_unknown", "inputs"],
                ["input_invalid", "metadata"],
                ["credential_not_found", "credential_id"],
                ["input_missing", "/month"],
            ]),
        ),
    ] {
        let answered = fixture.call(Method::POST, path).json(&body).send().await;

        let errors = answered.body()["errors"].clone();
        let errors = errors.as_array().cloned().unwrap_or_default();
        let told: Vec<Value> = errors
            .iter()
            .map(|error| json!([error["code"], error["field"]]))
            .collect();
        assert_eq!(Value::from(told), expected, "{path}");
    }
    assert_eq!(made(&fixture).await, before, "nothing was made");
}

#[tokio::test]
async fn a_body_is_bounded_and_says_what_it_is() {
    let fixture = Fixture::new().await;
    let call = || fixture.call(Method::POST, "/v2/agents");

    let large = call()
        .json(&json!({"name": "x".repeat(2 << 20)}))
        .send()
        .await;
    let text = call()
        .header("content-type", "text/plain")
        .bytes(r#"{"name": "a"}"#)
        .send()
        .await;
    let none = call().bytes(r#"{"name": "a"}"#).send().await;
    let zipped = call()
        .header("content-encoding", "gzip")
        .json(&json!({"name": "a"}))
        .send()
        .await;

    assert_eq!(large.error(), (413, "body_too_large".to_owned()));
    assert_eq!(text.error(), (415, "media_type_unsupported".to_owned()));
    assert_eq!(none.error(), (415, "media_type_unsupported".to_owned()));
    assert_eq!(zipped.error(), (415, "media_type_unsupported".to_owned()));
}

#[tokio::test]
async fn a_field_that_is_wrong_is_named() {
    let fixture = Fixture::new().await;
    let agent_id = fixture.agent().await;
    let task = |more: Value| {
        let mut body = json!({"name": "a", "agent_id": agent_id});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        ("/v2/tasks", body)
    };
    let source = |url: &str| {
        (
            "/v2/sources",
            json!({"type": "website", "website": {"url": url}}),
        )
    };
    let hook = |more: Value| {
        let mut webhook = json!({"url": "https://hooks.example/"});
        webhook
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        (
            "/v2/event-destinations",
            json!({"name": "a", "webhook": webhook}),
        )
    };
    let before = made(&fixture).await;

    for ((path, body), status, code, field) in [
        (("/v2/agents", json!({})), 400, "input_missing", "name"),
        (
            ("/v2/agents", json!({"name": null})),
            400,
            "input_missing",
            "name",
        ),
        (
            ("/v2/agents", json!({"name": "  "})),
            400,
            "input_missing",
            "name",
        ),
        (
            ("/v2/agents", json!({"name": "a\u{0}b"})),
            400,
            "input_invalid",
            "name",
        ),
        (
            ("/v2/agents", json!({"name": "x".repeat(256)})),
            400,
            "input_invalid",
            "name",
        ),
        (
            ("/v2/agents", json!({"name": 7})),
            400,
            "input_invalid",
            "name",
        ),
        (
            ("/v2/agents", json!({"name": "a", "nam": "b"})),
            400,
            "input_unknown",
            "nam",
        ),
        (
            ("/v2/agents", json!({"name": "a", "id": "src_a"})),
            400,
            "input_invalid",
            "id",
        ),
        (
            ("/v2/agents", json!({"name": "a", "id": agent_id})),
            409,
            "id_taken",
            "id",
        ),
        (
            source("file:///etc/passwd"),
            400,
            "input_invalid",
            "website.url",
        ),
        (
            source("https://a:b@c.example"),
            400,
            "input_invalid",
            "website.url",
        ),
        (
            source("https://a.example/\r\nX: y"),
            400,
            "input_invalid",
            "website.url",
        ),
        (source("https:///a"), 400, "input_invalid", "website.url"),
        (source("not a url"), 400, "input_invalid", "website.url"),
        (
            source("https://blocked.example/"),
            403,
            "source_blocked",
            "website.url",
        ),
        (
            (
                "/v2/sources",
                json!({"type": "app", "website": {"url": "https://a.example"}}),
            ),
            400,
            "input_invalid",
            "type",
        ),
        (
            ("/v2/credentials", json!({"source_id": "src_none"})),
            400,
            "source_invalid",
            "source_id",
        ),
        (
            ("/v2/tasks", json!({"name": "a", "agent_id": "agt_none"})),
            404,
            "agent_not_found",
            "agent_id",
        ),
        (
            task(json!({"input_schema": {"$ref": "https://a.example"}})),
            400,
            "schema_invalid",
            "input_schema",
        ),
        (
            task(json!({"output_schema": {"pattern": "(a+)+\\1"}})),
            400,
            "schema_invalid",
            "output_schema",
        ),
        (
            task(json!({"output_schema": {"title": "a\u{0}b"}})),
            400,
            "input_invalid",
            "output_schema.title",
        ),
        (
            task(json!({"prompt": "a\u{0}b"})),
            400,
            "input_invalid",
            "prompt",
        ),
        (
            task(json!({"settings": {"priority": 10}})),
            400,
            "input_invalid",
            "settings.priority",
        ),
        (
            task(json!({"settings": {"review": "maybe"}})),
            400,
            "input_invalid",
            "settings.review",
        ),
        (
            task(json!({"storage": {"enabled": true, "extraction": false}, "extraction": true})),
            400,
            "input_invalid",
            "extraction",
        ),
        (
            hook(json!({"secret": "short"})),
            400,
            "input_invalid",
            "webhook.secret",
        ),
        (
            hook(json!({"custom_headers": [1]})),
            400,
            "input_invalid",
            "webhook.custom_headers",
        ),
        (
            hook(json!({"retry_profile": "never"})),
            400,
            "input_invalid",
            "webhook.retry_profile",
        ),
        (
            (
                "/v2/event-destinations",
                json!({"name": "a", "events": [], "webhook": {"url": "https://a.example"}}),
            ),
            400,
            "input_invalid",
            "events",
        ),
    ] {
        let answered = fixture.post(path, body.clone()).await;

        assert_eq!(answered.error(), (status, code.to_owned()), "{path} {body}");
        let told = answered.body()["errors"][0]["field"].clone();
        let told = told.as_str().unwrap_or_default();
        assert!(told.starts_with(field), "{path} {body} {told}");
    }
    assert_eq!(made(&fixture).await, before, "nothing was written");
}

#[tokio::test]
async fn an_id_that_is_none_is_not_found() {
    let fixture = Fixture::new().await;

    for (path, code) in [
        ("/v2/agents/agt_", "agent_not_found"),
        ("/v2/agents/src_x", "agent_not_found"),
        ("/v2/agents/agt_%00", "agent_not_found"),
        ("/v2/task-runs/trun_x", "task_run_not_found"),
        (
            "/v2/task-runs/sess_0324ygSCrnoc7Ek8y5PBgq",
            "task_run_not_found",
        ),
        ("/v2/sources/rubbish", "source_not_found"),
        ("/v2/tasks/task_x/playbooks/rubbish", "source_not_found"),
        ("/v2/storage/1", "storage_not_found"),
        ("/files/stor_0324ygWvJAh4Zk8gsToV1V", "storage_not_found"),
        (
            "/files/stor_0324ygWvJAh4Zk8gsToV1V?expires=9999999999&signature=Qm9XyT",
            "storage_not_found",
        ),
        ("/v2/nothing", "endpoint_not_found"),
        ("/", "endpoint_not_found"),
    ] {
        assert_eq!(
            fixture.get(path).await.error(),
            (404, code.to_owned()),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_says_what_it_takes() {
    let fixture = Fixture::new().await;

    let answered = fixture.call(Method::PATCH, "/v2/agents").send().await;

    assert_eq!(answered.error(), (405, "method_not_allowed".to_owned()));
    assert_eq!(answered.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answered.headers["allow"].to_str().unwrap().contains("POST"));
}

#[tokio::test]
async fn a_parameter_that_is_wrong_is_named() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;

    for (query, code) in [
        ("include=everything", "include_invalid"),
        ("wait=0", "parameter_invalid"),
        ("wait=61", "parameter_invalid"),
        ("wait=x", "parameter_invalid"),
        ("include=input&colour=red", "parameter_unknown"),
    ] {
        let answered = fixture.get(&format!("/v2/task-runs/{id}?{query}")).await;
        assert_eq!(answered.error(), (400, code.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn a_call_that_changes_something_takes_no_parameter() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;

    let created = fixture
        .post("/v2/agents?dry_run=true", json!({"name": "a"}))
        .await;
    let path = format!("/v2/task-runs/{id}/cancel?force=true");
    let canceled = fixture.call(Method::POST, &path).send().await;

    assert_eq!(created.error(), (400, "parameter_unknown".to_owned()));
    assert_eq!(canceled.error(), (400, "parameter_unknown".to_owned()));
}

#[tokio::test]
async fn a_call_without_a_body_takes_none() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;
    let call = || fixture.call(Method::POST, &format!("/v2/task-runs/{id}/cancel"));

    let unknown = call().json(&json!({"reason": "x"})).send().await;
    let empty = call()
        .header("content-type", "text/plain")
        .bytes("{}")
        .send()
        .await;

    assert_eq!(unknown.error(), (400, "input_unknown".to_owned()));
    assert_eq!(empty.status, 200);
}

#[tokio::test]
async fn an_idempotency_key_that_is_none_is_refused() {
    let fixture = Fixture::new().await;
    let longest = "k".repeat(256);
    for replayed in [false, true] {
        let call = fixture
            .call(Method::POST, "/v2/agents")
            .header("idempotency-key", &longest);
        let answered = call.json(&json!({"name": "a"})).send().await;
        assert_eq!(answered.status, 201);
        let header = answered.headers.get("idempotent-replayed");
        assert_eq!(header.is_some(), replayed);
    }

    for key in ["k".repeat(257), String::new(), "schlüssel".to_owned()] {
        let call = fixture
            .call(Method::POST, "/v2/agents")
            .header("idempotency-key", &key);
        let answered = call.json(&json!({"name": "a"})).send().await;
        assert_eq!(
            answered.error(),
            (400, "idempotency_key_error".to_owned()),
            "{key}"
        );
    }
}
