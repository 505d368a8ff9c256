//! No call answers without a key, beyond its scope, or to another organization.

use http::Method;
use serde_json::Value;

use crate::documented::calls;
use crate::fixture::Fixture;

/// Every call of the document that needs a key: method and path.
fn keyed_calls() -> Vec<(Method, String)> {
    let calls = calls().into_iter().map(|call| (call.method, call.path));
    calls.filter(|(_, path)| path.starts_with("/v2/")).collect()
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
async fn another_organizations_things_are_in_no_list() {
    let fixture = Fixture::new().await;
    fixture.run().await;
    fixture.destination().await;

    for (method, path) in keyed_calls() {
        let lists_own = !["/v2/event-types", "/v2/events/stream"].contains(&path.as_str());
        if method == Method::GET && !path.contains('{') && lists_own {
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
        let is_workers = path.starts_with("/v2/worker/");
        let reads = method == Method::GET && !is_workers;
        // Asked so, whoever may call is refused for the parameter, and no stream begins.
        let path = format!("{path}?nonsense=1");
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
            !path.starts_with("/v2/test?") && !is_workers,
            "{method} {path}"
        );
        assert_eq!(as_reader.error() == insufficient, !reads, "{method} {path}");
    }
}
