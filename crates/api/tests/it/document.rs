//! The OpenAPI document says what the calls do.

use std::collections::BTreeSet;
use std::path::Path;

use http::Method;
use serde_json::Value;

use crate::documented::{DOCUMENT, calls, wrong};
use crate::fixture::Fixture;

/// The document as it is checked in.
const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

/// The page that has the tables of errors.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md");

/// Where it is set, document and tables are written and not compared: `cargo xtask openapi` sets it.
const WRITE: &str = "WINDLASS_WRITE_OPENAPI";

#[test]
fn the_document_is_the_one_that_is_checked_in() {
    let path = Path::new(CHECKED_IN);
    if std::env::var_os(WRITE).is_some() {
        let text = serde_json::to_string_pretty(&*DOCUMENT).unwrap();
        std::fs::write(path, text + "\n").unwrap();
    }

    let checked_in = std::fs::read_to_string(path).unwrap();

    let checked_in: Value = serde_json::from_str(&checked_in).unwrap();
    let differences = differences("", &checked_in, &DOCUMENT);
    assert!(
        differences.is_empty(),
        "docs/openapi.json is not what the code says; `cargo xtask openapi` writes it: {differences:#?}"
    );
}

#[test]
fn the_tables_of_errors_are_those_of_the_page() {
    let mut page = std::fs::read_to_string(PAGE).unwrap();

    for (name, table) in windlass_api::error_tables() {
        let (begin, end) = (
            format!("<!-- {name} -->\n"),
            format!("<!-- end of {name} -->"),
        );
        let from = page.find(&begin).expect("docs/api.md has the mark") + begin.len();
        let to = from
            + page[from..]
                .find(&end)
                .expect("docs/api.md has the end's mark");
        if std::env::var_os(WRITE).is_some() {
            page.replace_range(from..to, &table);
            std::fs::write(PAGE, &page).unwrap();
        } else {
            assert!(
                page[from..to] == table,
                "docs/api.md has other {name} than the code; `cargo xtask openapi` writes:\n{table}"
            );
        }
    }
}

/// The places at which two values differ.
fn differences(place: &str, one: &Value, other: &Value) -> Vec<String> {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            let of = |members: &serde_json::Map<String, Value>, name: &String| {
                members.get(name).cloned().unwrap_or_default()
            };
            let inside = names.into_iter().map(|name| {
                let place = format!("{place}/{name}");
                differences(&place, &of(one, name), &of(other, name))
            });
            inside.flatten().take(20).collect()
        }
        (one, other) if one == other => Vec::new(),
        _ => vec![place.to_owned()],
    }
}

#[tokio::test]
async fn the_document_is_served_without_a_key() {
    let fixture = Fixture::new().await;

    let answered = fixture.open(Method::GET, "/openapi.json").send().await;

    assert_eq!(answered.status, 200);
    assert_eq!(answered.body(), *DOCUMENT);
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
    fn walk(value: &Value) {
        match value {
            Value::Object(members) => {
                if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                    let target = DOCUMENT.pointer(reference.trim_start_matches('#'));
                    assert!(target.is_some(), "{reference}");
                }
                members.values().for_each(walk);
            }
            Value::Array(items) => items.iter().for_each(walk),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    walk(&DOCUMENT);
}

#[test]
fn every_call_has_a_name_a_group_and_a_summary() {
    let groups = DOCUMENT["tags"].as_array().unwrap();
    let mut names = BTreeSet::new();

    for call in calls() {
        let what = format!("{} {}", call.method, call.path);
        let name = call.operation["operationId"].as_str().unwrap_or_default();
        let is_name = name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(!name.is_empty() && is_name, "{what} is called {name}");
        assert!(names.insert(name.to_owned()), "two calls are called {name}");
        let tag = &call.operation["tags"][0];
        let is_group = groups.iter().any(|group| group["name"] == *tag);
        assert!(is_group, "{what} is in the group {tag}: add it to TAGS");
        let summary = call.operation["summary"].as_str().unwrap_or_default();
        assert!((8..120).contains(&summary.len()), "{what}: {summary}");
    }
}

#[test]
fn every_parameter_and_field_says_what_it_is() {
    for call in calls() {
        for parameter in call.operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let is_said = parameter["$ref"].is_string() || parameter["description"].is_string();
            let what = format!("{} {}: {parameter}", call.method, call.path);
            assert!(
                is_said,
                "{what}; a path's belongs into openapi/resources.rs"
            );
        }
    }
    for (name, schema) in DOCUMENT["components"]["schemas"].as_object().unwrap() {
        for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
            let nested = schema["oneOf"][0]["description"].is_string();
            let is_said = schema["description"].is_string() || nested;
            assert!(is_said, "{name}.{field}: {schema}");
        }
    }
}

#[test]
fn every_body_and_every_answer_has_an_example_that_fits() {
    for call in calls() {
        let operation = &call.operation;
        let body = &operation["requestBody"];
        let answers = operation["responses"].as_object().unwrap();
        let successes = answers.iter().filter(|(status, _)| status.starts_with('2'));
        let successes: Vec<&Value> = successes.map(|(_, answer)| answer).collect();
        assert!(!successes.is_empty(), "{} {}", call.method, call.path);
        for message in successes.into_iter().chain([body]) {
            let content = &message["content"]["application/json"];
            if content.is_null() {
                continue;
            }
            let (example, schema) = (&content["example"], &content["schema"]);
            let what = format!("{} {}", call.method, call.path);
            assert!(
                !example.is_null(),
                "{what}: {schema} has no example; give its type `#[schema(example = json!(…))]`"
            );
            let wrong = wrong(schema, example);
            assert!(wrong.is_empty(), "{what}: {wrong:?}");
        }
    }
}

#[test]
fn contents_are_bytes_of_any_type() {
    let mut types = Vec::new();
    for call in calls() {
        let answers = call.operation["responses"].as_object().unwrap();
        let messages = [&call.operation["requestBody"]]
            .into_iter()
            .chain(answers.values());
        for message in messages {
            let contents = message["content"].as_object().into_iter().flatten();
            for (content_type, content) in contents {
                if !["application/json", "text/event-stream"].contains(&content_type.as_str()) {
                    let bytes = serde_json::json!({"type": "string", "format": "binary"});
                    assert_eq!(content["schema"], bytes, "{}", call.path);
                    types.push(format!("{} {content_type}", call.path));
                }
            }
        }
    }

    let [content, file, screenshot] = [
        "/files/{content_id}",
        "/v2/worker/leases/{run_id}/files",
        "/v2/worker/leases/{run_id}/screenshots",
    ];
    let [any, plain, image] = ["*/*", "application/octet-stream", "image/*"];
    let expected = [
        (content, any),
        (content, plain),
        (content, any),
        (content, plain),
        (file, any),
        (file, plain),
        (screenshot, any),
        (screenshot, plain),
        (screenshot, image),
    ];
    assert_eq!(
        types,
        expected.map(|(path, content_type)| format!("{path} {content_type}"))
    );
}

#[test]
fn every_example_of_an_error_fits() {
    let schema = serde_json::json!({"$ref": "#/components/schemas/ErrorsBody"});

    for (name, example) in DOCUMENT["components"]["examples"].as_object().unwrap() {
        let wrong = wrong(&schema, &example["value"]);
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
        let is_used = calls().iter().any(|call| {
            let statuses = call.operation["responses"].as_object().unwrap();
            statuses
                .keys()
                .any(|status| call.codes(status).contains(name))
        });
        // What a worker hears, and what is no call of the document.
        let is_of_others = ["endpoint_not_found", "method_not_allowed"];
        assert_eq!(is_used, !is_of_others.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn every_call_about_one_thing_is_led_to_by_a_link() {
    let all = calls();
    let mut led_to = BTreeSet::new();
    for call in &all {
        for answer in call.operation["responses"].as_object().unwrap().values() {
            for link in answer["links"].as_object().into_iter().flatten() {
                let name = link.1["operationId"].as_str().unwrap().to_owned();
                led_to.insert(name);
            }
        }
    }

    let needs_none = |path: &str| !path.contains('{') || path.starts_with("/files/");
    let left: Vec<&str> = all
        .iter()
        .filter(|call| !needs_none(&call.path))
        .filter_map(|call| call.operation["operationId"].as_str())
        .filter(|name| !led_to.contains(*name))
        .collect();

    assert_eq!(left, [""; 0], "openapi/links.rs leads to none of them");
}

#[tokio::test]
async fn every_parameter_of_the_document_is_taken_and_no_other() {
    let fixture = Fixture::new().await;

    for call in calls() {
        if call.method != Method::GET || call.path.contains('{') {
            continue;
        }
        let path = &call.path;
        let parameters = call.operation["parameters"].as_array().cloned();
        for parameter in parameters
            .iter()
            .flatten()
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
