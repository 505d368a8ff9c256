//! Another organization's id answers exactly as one that never existed, wherever the document takes
//! one: in paths, in bodies, in filters. A new call is among them by itself.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::documented::{DOCUMENT, Documented, calls};
use crate::fixture::{Answered, Fixture};
use crate::held::Held;

/// Calls whose path names something of another organization, and that do not answer 404. It may only
/// get shorter.
const EXCEPTIONS: [&str; 0] = [];

/// Ids of one organization, by what paths, bodies and filters call them.
pub(crate) type Ids = BTreeMap<String, String>;

/// One of everything, with a run that a worker holds.
pub(crate) async fn everything(fixture: &Fixture) -> Ids {
    let destination_id = fixture.destination().await;
    let source_id = fixture.source().await;
    let credential_id = fixture.credential(&source_id).await;
    let held = Held::new(fixture).await;
    let storage_id = held.store(b"%PDF-1.7 a bill").await;
    held.see(1, b"<p>a page</p>").await;
    let worker = json!({"worker": "ours-1"});
    let started = fixture.post("/v2/worker/workers", worker).await;
    assert_eq!(started.status, 201);
    let run_id = held.run_id.to_string();
    let run = fixture.get(&format!("/v2/task-runs/{run_id}")).await.body();
    let first = async |path: &str| {
        let page = fixture.get(path).await.body();
        page["data"][0]["id"].as_str().expect("an item").to_owned()
    };
    let deliveries = format!("/v2/event-destinations/{destination_id}/event-deliveries");
    let of_run = |name: &str| run[name].as_str().expect("an id").to_owned();
    let task_id = of_run("task_id");
    let playbook = format!("/v2/tasks/{task_id}/playbooks/{}", of_run("source_id"));
    let body = json!({"title": "Ours", "steps": []});
    let written = fixture
        .call(Method::PUT, &playbook)
        .json(&body)
        .send()
        .await;
    assert_eq!(written.status, 200);
    [
        ("agent_id", of_run("agent_id")),
        ("task_id", task_id),
        ("session_id", of_run("session_id")),
        ("source_id", of_run("source_id")),
        ("event_id", first("/v2/events").await),
        ("delivery_id", first(&deliveries).await),
        ("run_id", run_id.clone()),
        ("task_run_id", run_id),
        ("credential_id", credential_id),
        ("destination_id", destination_id),
        (
            "event_destination_id",
            deliveries.split('/').nth(3).unwrap().to_owned(),
        ),
        ("content_id", storage_id.to_string()),
        ("storage_id", storage_id.to_string()),
        ("worker", "ours-1".to_owned()),
    ]
    .map(|(name, id)| (name.to_owned(), id))
    .into()
}

/// What the other organization has of its own.
async fn own(fixture: &Fixture) -> Ids {
    let make = async |path: &str, body: Value| {
        let call = fixture.call_with(&fixture.stranger, Method::POST, path);
        call.json(&body).send().await.id()
    };
    let agent_id = make("/v2/agents", json!({"name": "Theirs"})).await;
    let task = json!({"name": "Theirs", "agent_id": agent_id});
    let task_id = make("/v2/tasks", task).await;
    let website = json!({"url": "https://theirs.example/"});
    let source = json!({"type": "website", "website": website});
    let source_id = make("/v2/sources", source).await;
    let credential = json!({"source_id": source_id});
    let credential_id = make("/v2/credentials", credential).await;
    let path = format!("/v2/tasks/{task_id}/run");
    let run_id = make(&path, json!({"source_id": source_id})).await;
    [
        ("agent_id", agent_id),
        ("task_id", task_id),
        ("source_id", source_id),
        ("credential_id", credential_id),
        ("run_id", run_id),
    ]
    .map(|(name, id)| (name.to_owned(), id))
    .into()
}

/// Ids that never existed: the examples of the document.
fn unknown() -> Ids {
    let mut ids = Ids::new();
    for call in calls() {
        for parameter in call.operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if let (Some(name), Some(id)) =
                (parameter["name"].as_str(), parameter["example"].as_str())
            {
                ids.insert(name.to_owned(), id.to_owned());
            }
        }
    }
    for (name, other) in [
        ("task_run_id", "run_id"),
        ("event_destination_id", "destination_id"),
    ] {
        ids.insert(name.to_owned(), ids[other].clone());
    }
    let delivery = "edlv_0324yggMBhQPd3IXHd3Uiq".to_owned();
    ids.entry("delivery_id".to_owned()).or_insert(delivery);
    ids
}

/// The path with these ids; None where one is not among them.
pub(crate) fn filled(path: &str, ids: &Ids) -> Option<String> {
    let path = ids.iter().fold(path.to_owned(), |path, (name, id)| {
        path.replace(&format!("{{{name}}}"), id)
    });
    (!path.contains('{')).then_some(path)
}

/// What the document shows as a body of this call.
pub(crate) fn body(call: &Documented) -> Value {
    let content = &call.operation["requestBody"]["content"]["application/json"];
    match &content["example"] {
        Value::Null => json!({}),
        example => example.clone(),
    }
}

async fn as_stranger(fixture: &Fixture, method: &Method, path: &str, body: &Value) -> Answered {
    let call = fixture.call_with(&fixture.stranger, method.clone(), path);
    match *method {
        Method::GET => call.send().await,
        _ => call.json(body).send().await,
    }
}

/// Everything in an answer but whom it answers.
fn told(answered: &Answered) -> (StatusCode, Value) {
    let mut body = answered.body();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    (answered.status, body)
}

#[tokio::test]
async fn a_path_with_anothers_id_is_as_one_that_never_existed() {
    let fixture = Fixture::new().await;
    let (ours, unknown) = (everything(&fixture).await, unknown());
    own(&fixture).await;
    let before = fixture.tables();
    let mut tried = 0;

    for call in calls() {
        if !call.path.contains('{') || !call.path.starts_with("/v2/") {
            continue;
        }
        let name = call.operation["operationId"].as_str().unwrap();
        let path = filled(&call.path, &ours);
        let path = path.unwrap_or_else(|| panic!("{name}: make one of {} here", call.path));
        let nowhere = filled(&call.path, &unknown).expect("an example of each parameter");
        let body = body(&call);

        let foreign = as_stranger(&fixture, &call.method, &path, &body).await;
        let never = as_stranger(&fixture, &call.method, &nowhere, &body).await;

        if !EXCEPTIONS.contains(&name) {
            assert_eq!(foreign.status, 404, "{name} {:?}", foreign.body());
            assert_eq!(told(&foreign), told(&never), "{name}");
        }
        tried += 1;
    }
    assert!(tried > 20, "{tried}");
    assert_eq!(fixture.tables(), before, "nothing was written");
}

#[tokio::test]
async fn a_body_with_anothers_id_is_as_one_that_never_existed() {
    let fixture = Fixture::new().await;
    let (ours, unknown, own) = (everything(&fixture).await, unknown(), own(&fixture).await);
    let before = fixture.tables();
    let mut tried = Vec::new();

    for call in calls() {
        let content = &call.operation["requestBody"]["content"]["application/json"];
        let reference = content["schema"]["$ref"].as_str().unwrap_or_default();
        let schema = DOCUMENT.pointer(reference.trim_start_matches('#'));
        let fields = schema.and_then(|schema| schema["properties"].as_object());
        for name in fields.into_iter().flatten().map(|(name, _)| name) {
            // The caller's own names for things.
            let is_id = name.ends_with("_id") && !["external_id", "request_id"].contains(&&**name);
            let Some(path) = filled(&call.path, &own).filter(|_| is_id) else {
                continue;
            };
            let with = |id: &str| {
                let mut body = body(&call);
                for (name, id) in &own {
                    if body.get(name).is_some() {
                        body[name] = json!(id);
                    }
                }
                body[name] = json!(id);
                body
            };
            let foreign = with(&ours[name]);
            let foreign = as_stranger(&fixture, &call.method, &path, &foreign).await;
            let never = with(&unknown[name]);
            let never = as_stranger(&fixture, &call.method, &path, &never).await;

            let what = format!("{} {name}", call.path);
            assert!(
                foreign.status.is_client_error(),
                "{what} {}",
                foreign.status
            );
            assert_eq!(told(&foreign), told(&never), "{what}");
            tried.push(what);
        }
    }
    assert!(tried.len() >= 5, "{tried:?}");
    assert_eq!(fixture.tables(), before, "nothing was written");
}

#[tokio::test]
async fn a_filter_by_anothers_id_finds_nothing() {
    let fixture = Fixture::new().await;
    let (ours, unknown, own) = (everything(&fixture).await, unknown(), own(&fixture).await);
    let mut tried = 0;

    for call in calls() {
        let Some(path) = filled(&call.path, &own).filter(|_| call.method == Method::GET) else {
            continue;
        };
        // The stream of events is no list; its own tests say whose events it has.
        let content = &call.operation["responses"]["200"]["content"];
        if content.get("text/event-stream").is_some() {
            continue;
        }
        for parameter in call.operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let name = parameter["name"].as_str().unwrap_or_default();
            let (true, Some(id)) = (parameter["in"] == "query", ours.get(name)) else {
                continue;
            };
            let at = |id: &str| format!("{path}?{name}={id}");
            let foreign = as_stranger(&fixture, &call.method, &at(id), &Value::Null).await;
            let never = at(&unknown[name]);
            let never = as_stranger(&fixture, &call.method, &never, &Value::Null).await;

            // A stream of what is not there would be silent for ever.
            let is_nothing = foreign.status == 404 || foreign.body()["data"] == json!([]);
            assert!(is_nothing, "{} {name}", call.path);
            assert_eq!(told(&foreign), told(&never), "{} {name}", call.path);
            tried += 1;
        }
    }
    assert!(tried > 10, "{tried}");
}

#[tokio::test]
async fn a_page_after_anothers_id_shows_nothing_of_theirs() {
    let fixture = Fixture::new().await;
    let (ours, unknown, own) = (everything(&fixture).await, unknown(), own(&fixture).await);

    for call in calls() {
        let Some(path) = filled(&call.path, &own).filter(|_| call.method == Method::GET) else {
            continue;
        };
        let parameters = call.operation["parameters"].as_array();
        if parameters
            .into_iter()
            .flatten()
            .all(|parameter| parameter["name"] != "starting_after")
        {
            continue;
        }
        for (name, id) in &ours {
            for place in ["starting_after", "ending_before"] {
                let at = |id: &str| format!("{path}?{place}={id}");
                let foreign = as_stranger(&fixture, &call.method, &at(id), &Value::Null).await;
                let never = at(&unknown[name]);
                let never = as_stranger(&fixture, &call.method, &never, &Value::Null).await;

                let what = format!("{path} {place} {name}");
                assert_eq!(foreign.status, never.status, "{what}");
                assert_eq!(foreign.body()["errors"], never.body()["errors"], "{what}");
                let shown = foreign.body().to_string();
                let theirs = ours
                    .values()
                    .find(|id| shown.contains(&format!("\"{id}\"")));
                assert_eq!(theirs, None, "{what}");
            }
        }
    }
}
