//! The OpenAPI document says what the calls do.

use http::Method;
use serde_json::Value;
use windlass_api::document;

use crate::fixture::Fixture;

#[tokio::test]
async fn the_document_is_served_without_a_key() {
    let fixture = Fixture::new().await;

    let answered = fixture.open(Method::GET, "/openapi.json").send().await;

    assert_eq!(answered.status, 200);
    assert_eq!(answered.body(), serde_json::to_value(document()).unwrap());
    assert_eq!(answered.body()["openapi"], "3.1.0");
}

#[tokio::test]
async fn the_schema_of_playbooks_is_served_without_a_key() {
    let fixture = Fixture::new().await;

    let answered = fixture
        .open(Method::GET, "/playbook.schema.json")
        .send()
        .await;

    assert_eq!(answered.status, 200);
    assert_eq!(answered.body(), serde_json::json!({"title": "A playbook"}));
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let target = document.pointer(reference.trim_start_matches('#'));
                    assert!(target.is_some(), "{reference}");
                }
                members.values().for_each(|member| walk(member, document));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, document)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = serde_json::to_value(document()).unwrap();

    walk(&document, &document);
}

#[tokio::test]
async fn every_parameter_of_the_document_is_taken_and_no_other() {
    let fixture = Fixture::new().await;
    let document = serde_json::to_value(document()).unwrap();

    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(read) = item.get("get").filter(|_| !path.contains('{')) else {
            continue;
        };
        let parameters = read["parameters"].as_array().cloned().unwrap_or_default();
        for parameter in parameters
            .iter()
            .filter(|parameter| parameter["in"] == "query")
        {
            let name = parameter["name"].as_str().unwrap();
            let answered = fixture.get(&format!("{path}?{name}=x")).await;
            let codes = answered.body()["errors"].to_string();
            assert!(
                !codes.contains("parameter_unknown"),
                "{path} {name} {codes}"
            );
        }
        let answered = fixture.get(&format!("{path}?nonsense=x")).await;
        assert_eq!(
            answered.error(),
            (400, "parameter_unknown".to_owned()),
            "{path}"
        );
    }
}
