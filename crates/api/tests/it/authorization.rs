//! No call answers without a key, beyond its scope, or to another organization.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::documented::calls;
use crate::fixture::Fixture;

/// Every call of the document that needs a key: method and path.
fn keyed_calls() -> Vec<(Method, String)> {
    let calls = calls().into_iter().map(|call| (call.method, call.path));
    calls.filter(|(_, path)| path.starts_with("/v2/")).collect()
}

/// The path with the ids of what `fixture` has.
fn filled(path: &str, ids: &[(&str, String)]) -> String {
    ids.iter()
        .fold(path.to_owned(), |path, (name, id)| path.replace(name, id))
}

#[tokio::test]
async fn every_call_answers_401_without_a_key() {
    let fixture = Fixture::new().await;
    let calls = keyed_calls();
    assert!(calls.len() > 30, "{}", calls.len());

    for (method, path) in calls {
        for value in [
            "",
            "Bearer",
            "Bearer sk_test_wrong",
            "Basic c2s6",
            "bearer  ",
        ] {
            let answered = fixture
                .open(method.clone(), &path)
                .header("authorization", value)
                .send()
                .await;

            let told = (
                answered.error(),
                answered.headers.get("www-authenticate").is_some(),
            );
            assert_eq!(
                told,
                ((401, "api_key_invalid".to_owned()), true),
                "{method} {path} {value}"
            );
        }
    }
}

#[tokio::test]
async fn another_organizations_ids_are_not_found() {
    let fixture = Fixture::new().await;
    let (source_id, run_id) = (fixture.source().await, fixture.run().await);
    let run = fixture.get(&format!("/v2/task-runs/{run_id}")).await.body();
    let of_run = |key: &str| run[key].as_str().unwrap().to_owned();
    let events = fixture.get("/v2/events?limit=1").await.body();
    let ids = [
        ("{agent_id}", of_run("agent_id")),
        ("{task_id}", of_run("task_id")),
        ("{session_id}", of_run("session_id")),
        ("{run_id}", run_id),
        ("{credential_id}", fixture.credential(&source_id).await),
        ("{source_id}", source_id),
        ("{destination_id}", fixture.destination().await),
        (
            "{event_id}",
            events["data"][0]["id"].as_str().unwrap().to_owned(),
        ),
        ("{storage_id}", "stor_0324ygWvJAh4Zk8gsToV1V".to_owned()),
    ];
    let before = fixture.get("/v2/events?limit=1").await.body()["data"].clone();

    for (method, path) in keyed_calls()
        .into_iter()
        .filter(|(_, path)| path.contains('{'))
    {
        let path = filled(&path, &ids);
        assert!(!path.contains('{'), "{path}");
        let body = match path.rsplit('/').next() {
            Some("interaction") => json!({"decline": true}),
            Some("review") => json!({"decision": "approve"}),
            _ if method == Method::PUT => json!({"title": "Theirs", "steps": []}),
            _ => json!({}),
        };
        let answered = fixture
            .call_with(&fixture.stranger, method.clone(), &path)
            .json(&body)
            .send()
            .await;

        assert_eq!(
            answered.status,
            StatusCode::NOT_FOUND,
            "{method} {path} {:?}",
            answered.body()
        );
    }
    let after = fixture.get("/v2/events?limit=1").await.body()["data"].clone();
    assert_eq!(after, before, "nothing happened");
}

#[tokio::test]
async fn another_organizations_things_are_in_no_list() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    fixture.destination().await;

    for (method, path) in keyed_calls() {
        if method == Method::GET && !path.contains('{') && !path.ends_with("event-types") {
            let body = fixture
                .call_with(&fixture.stranger, method, &path)
                .send()
                .await
                .body();
            if let Some(items) = body.get("data") {
                assert_eq!(items, &Value::Array(Vec::new()), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_reads_changes_nothing_and_a_workers_does_neither() {
    let fixture = Fixture::new().await;

    for (method, path) in keyed_calls() {
        let reads = method == Method::GET;
        let as_worker = fixture
            .call_with(&fixture.worker, method.clone(), &path)
            .send()
            .await;
        let as_reader = fixture
            .call_with(&fixture.reader, method.clone(), &path)
            .send()
            .await;

        let insufficient = (403, "scope_insufficient".to_owned());
        assert_eq!(
            as_worker.error() == insufficient,
            path != "/v2/test",
            "{method} {path}"
        );
        assert_eq!(as_reader.error() == insufficient, !reads, "{method} {path}");
    }
}
