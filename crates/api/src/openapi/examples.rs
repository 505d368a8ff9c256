//! Examples of what calls take and answer, from the examples of their schemas.

use serde_json::{Value, json};

use super::{Call, resources, schema_name};

/// The request that examples answer.
const REQUEST_ID: &str = "req_0324ygme6xlgGg9YYevL5s";

/// Gives a call's body and answers the examples of their schemas.
pub(super) fn add(call: &mut Call<'_>, schemas: &Value) {
    let deleted = resources::of_path(call.path).pop().map(|resource| {
        json!({"id": resource.id, "object": resource.object, "deleted": true, "request_id": REQUEST_ID})
    });
    if let Some(body) = call.operation.get_mut("requestBody") {
        add_to(&mut body["content"], schemas, None);
        let content = body["content"].as_object_mut();
        for (_, content) in content.into_iter().flatten() {
            if let Some(example) = content.get_mut("example") {
                without_request(example);
            }
        }
    }
    let responses = call.operation["responses"].as_object_mut();
    for (status, response) in responses.into_iter().flatten() {
        if super::is_success(status) {
            if response["description"].as_str().is_none_or(str::is_empty) {
                response["description"] = Value::from("All went well.");
            }
            if response.get("content").is_some() {
                add_to(&mut response["content"], schemas, deleted.as_ref());
            }
        }
    }
}

fn add_to(content: &mut Value, schemas: &Value, deleted: Option<&Value>) {
    let content = content.as_object_mut();
    for (_, content) in content.into_iter().flatten() {
        if content.get("example").is_some() {
            // One of its own.
            continue;
        }
        let Some(name) = content["schema"]["$ref"].as_str().map(schema_name) else {
            continue;
        };
        let example = match (name, deleted) {
            ("DeletedBody", Some(deleted)) => Some(deleted.clone()),
            _ => of_schema(name, schemas),
        };
        if let Some(example) = example {
            content["example"] = example;
        }
    }
}

/// The example of a schema's answers: its own, or a page of its items'.
fn of_schema(name: &str, schemas: &Value) -> Option<Value> {
    let schema = &schemas[name];
    if let Some(own) = schema.get("example").or_else(|| schema["examples"].get(0)) {
        let mut example = own.clone();
        if schema["properties"].get("request_id").is_some() && example.is_object() {
            example["request_id"] = Value::from(REQUEST_ID);
        }
        return Some(example);
    }
    let items = schema["properties"]["data"]["items"]["$ref"].as_str()?;
    let mut item = schemas[schema_name(items)].get("example")?.clone();
    without_request(&mut item);
    Some(json!({"data": [item], "has_more": false, "next_cursor": null, "request_id": REQUEST_ID}))
}

/// Items of a list and bodies of requests answer no request.
fn without_request(example: &mut Value) {
    let answers = example["request_id"] == REQUEST_ID;
    if let Some(members) = example.as_object_mut().filter(|_| answers) {
        members.remove("request_id");
    }
}

/// In a schema, OpenAPI 3.1 has a list of examples.
pub(super) fn move_into_lists(schemas: &mut Value) {
    let schemas = schemas.as_object_mut();
    for (_, schema) in schemas.into_iter().flatten() {
        let example = schema
            .as_object_mut()
            .and_then(|schema| schema.remove("example"));
        if let Some(example) = example {
            schema["examples"] = json!([example]);
        }
    }
}
