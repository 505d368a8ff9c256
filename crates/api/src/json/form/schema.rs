//! The schema that bodies are checked against, out of the one that is documented, and what null means
//! in it.

use serde_json::{Map, Value, json};

/// The largest whole number that every reader of JSON understands alike. Source: RFC 8259,
/// section 6.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The schema with its references put in, and without null as a type of its own: a null in an
/// optional field is taken out before. Bodies are trees, so this ends.
pub(super) fn plain(schema: Value, named: &Map<String, Value>) -> Value {
    let Value::Object(mut members) = schema else {
        return schema;
    };
    if let Some(name) = members.get("$ref").and_then(Value::as_str) {
        let name = name.trim_start_matches("#/components/schemas/");
        let mut target = plain(named.get(name).cloned().unwrap_or_default(), named);
        // The field's own words say more than those of its type.
        if let (Some(target), Some(words)) = (target.as_object_mut(), members.remove("description"))
        {
            target.insert("description".to_owned(), words);
        }
        return target;
    }
    if let Some(Value::Array(choices)) = members.remove("oneOf") {
        let mut choices: Vec<Value> = choices
            .into_iter()
            .filter(|choice| choice["type"] != "null")
            .map(|choice| plain(choice, named))
            .collect();
        if let (1, Some(mut only)) = (choices.len(), choices.pop()) {
            if let (Some(only), Some(words)) = (only.as_object_mut(), members.remove("description"))
            {
                only.insert("description".to_owned(), words);
            }
            return only;
        }
    }
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    if members.get("type").is_some_and(|name| name == "integer") {
        members
            .entry("maximum")
            .or_insert_with(|| Value::from(MAX_INTEGER));
    }
    if let Some(inner) = members.remove("items") {
        members.insert("items".to_owned(), plain(inner, named));
    }
    if let Some(inner) = members.remove("additionalProperties") {
        members.insert("additionalProperties".to_owned(), of_map(inner, named));
    }
    if let Some(Value::Object(properties)) = members.remove("properties") {
        let properties: Map<String, Value> = properties
            .into_iter()
            .map(|(name, property)| (name, plain(property, named)))
            .collect();
        members.insert("properties".to_owned(), Value::Object(properties));
    }
    members.remove("example");
    Value::Object(members)
}

/// The schema of a map's values. Here null leaves nothing out: where it is a value, it stays one.
fn of_map(schema: Value, named: &Map<String, Value>) -> Value {
    let takes_null = takes_null(&schema);
    let mut schema = plain(schema, named);
    if takes_null {
        schema["type"] = or_null(&schema["type"]);
    }
    schema
}

/// A type, or null beside it. A schema without a type takes values of every one.
pub(super) fn or_null(json_type: &Value) -> Value {
    match json_type {
        Value::Null => json!([
            "array", "boolean", "integer", "number", "object", "string", "null"
        ]),
        json_type => json!([json_type, "null"]),
    }
}

fn takes_null(schema: &Value) -> bool {
    let types = schema["type"].as_array();
    types.is_some_and(|types| types.iter().any(|name| name == "null"))
}

/// The value without nulls in optional fields: null for one of them means left out. A whole number
/// that is written as `1.0` becomes one.
pub(super) fn without_nulls(value: Value, schema: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let required = schema["required"].as_array();
            let is_required = |name: &str| {
                required.is_some_and(|required| required.iter().any(|known| known == name))
            };
            let members = members
                .into_iter()
                .filter_map(|(name, member)| match schema["properties"].get(&name) {
                    Some(inner)
                        if member.is_null() && !is_required(&name) && !takes_null(inner) =>
                    {
                        None
                    }
                    Some(inner) => Some((name, without_nulls(member, inner))),
                    None => Some((name, member)),
                })
                .collect();
            Value::Object(members)
        }
        Value::Array(items) => {
            let items = items
                .into_iter()
                .map(|item| without_nulls(item, &schema["items"]));
            Value::Array(items.collect())
        }
        Value::Number(number) if schema["type"] == "integer" => {
            let whole = number.as_f64().filter(|number| {
                number.fract() == 0.0 && (0.0..=MAX_INTEGER as f64).contains(number)
            });
            match whole {
                Some(whole) => Value::from(whole as u64),
                None => Value::Number(number),
            }
        }
        other => other,
    }
}
