//! Schemas and texts of the calls in the form that readers and generators of clients do best with.

use serde_json::{Value, json};

use super::Call;

/// What the schema of a page is called by `utoipa`, before the name of its items'.
const PAGE: &str = "PageBody_";

/// Where a handler says that its call takes no body as well.
const OPTIONAL: &str = "x-body-optional";

/// Gives pages short names and their items' schemas, and takes null from what is never null: an
/// optional field of an answer is left out where there is none.
pub(super) fn tidy(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object_mut();
    let Some(schemas) = schemas else {
        return;
    };
    for (name, mut schema) in std::mem::take(schemas) {
        match name.strip_prefix(PAGE) {
            Some(item) => {
                let reference = format!("#/components/schemas/{item}");
                schema["properties"]["data"]["items"] = json!({"$ref": reference});
                schemas.insert(page_name(item), schema);
            }
            None => {
                if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
                    never_null(&mut schema);
                }
                schemas.insert(name, schema);
            }
        }
    }
    rename_pages(&mut document["paths"]);
}

fn page_name(item: &str) -> String {
    format!("{}Page", item.trim_end_matches("Body"))
}

fn rename_pages(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let item = members
                .get("$ref")
                .and_then(|reference| reference.as_str()?.split_once(PAGE))
                .map(|(_, item)| page_name(item));
            if let Some(name) = item {
                let reference = format!("#/components/schemas/{name}");
                members.insert("$ref".to_owned(), Value::from(reference));
            }
            members.values_mut().for_each(rename_pages);
        }
        Value::Array(items) => items.iter_mut().for_each(rename_pages),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn never_null(schema: &mut Value) {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let properties = schema.get_mut("properties");
    let properties = properties.and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        if !required.iter().any(|required| required == name) {
            without_null(property);
        }
    }
}

fn without_null(schema: &mut Value) {
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            schema["type"] = only.clone();
        }
    }
    let choices = schema.get("oneOf").and_then(Value::as_array);
    let mut choices: Vec<Value> = choices.cloned().unwrap_or_default();
    choices.retain(|choice| choice["type"] != "null");
    if let [only] = choices.as_slice() {
        *schema = only.clone();
    }
}

/// How a call's first sentence begins is its summary, and all of them are its description. A parameter is left
/// out or given, and never null.
pub(super) fn describe(call: &mut Call<'_>) {
    let text = ["summary", "description"]
        .iter()
        .filter_map(|name| call.operation.get(*name)?.as_str())
        .collect::<Vec<&str>>()
        .join("\n\n");
    let text = unwrapped(&text);
    let first = text.lines().next().unwrap_or_default();
    let ends = [". ", ": ", "; "].iter();
    let end = ends.filter_map(|end| first.find(end)).min();
    let summary = first[..end.unwrap_or(first.len())].trim_end_matches('.');
    let summary = summary.to_owned();
    call.operation.insert("summary".to_owned(), summary.into());
    call.operation.insert("description".to_owned(), text.into());
    if call.operation.remove(OPTIONAL).is_some() {
        call.operation["requestBody"]["required"] = Value::Bool(false);
    }
    let parameters = call.operation.get_mut("parameters");
    let parameters = parameters.and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if let Some(schema) = parameter.get_mut("schema") {
            without_null(schema);
        }
    }
}

/// Lines that follow one another are one paragraph.
fn unwrapped(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|text| text.replace('\n', " "));
    paragraphs.collect::<Vec<String>>().join("\n\n")
}
