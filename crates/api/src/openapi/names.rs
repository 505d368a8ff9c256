//! Texts that are one of a few names.
//!
//! A description that starts with such names in backticks, as `queued`, `running` or `idle`, and then
//! ends or goes on behind a mark, names all that there are. A filter of a list that is called as a
//! property of its items takes that property's names.

use serde_json::{Value, json};
use windlass_domain::event::EventType;

use super::Call;

/// Filters that are called otherwise than what they filter by.
const OTHER_NAMES: [(&str, &str); 2] = [("outcome", "result"), ("event_type", "type")];

/// Says of the properties of all schemas which names they take.
pub(super) fn add(document: &mut Value) {
    let schemas = document["components"]["schemas"].as_object_mut();
    for (_, schema) in schemas.into_iter().flatten() {
        let properties = schema.get_mut("properties");
        let properties = properties.and_then(Value::as_object_mut);
        for (_, property) in properties.into_iter().flatten() {
            let description = property["description"].clone();
            restrict(
                property,
                &names_of(description.as_str().unwrap_or_default()),
            );
        }
    }
}

/// Says of a call's query parameters which names they take.
pub(super) fn add_to_filters(call: &mut Call<'_>, schemas: &Value) {
    let item = call.answers().and_then(|page| {
        let items = &schemas[page]["properties"]["data"]["items"];
        items["$ref"].as_str().map(super::schema_name)
    });
    let properties = item.map(|item| schemas[item]["properties"].clone());
    let properties = properties.unwrap_or_default();
    let is_about_events = item.is_some_and(|item| matches!(item, "EventBody" | "DeliveryBody"));
    let parameters = call.operation.get_mut("parameters");
    let parameters = parameters.and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if parameter["in"] != "query" {
            continue;
        }
        let name = parameter["name"].as_str().unwrap_or_default();
        let other = OTHER_NAMES.iter().find(|(other, _)| *other == name);
        let name = other.map_or(name, |(_, name)| name);
        let own = parameter["description"].as_str().map(names_of);
        let own = own.unwrap_or_default();
        let names: Vec<String> = if !own.is_empty() {
            own.into_iter().map(str::to_owned).collect()
        } else if name == "type" && is_about_events {
            let types = EventType::ALL.iter();
            types.map(|name| name.as_str().to_owned()).collect()
        } else {
            let names = properties[name]["enum"].as_array().cloned();
            let names = names.into_iter().flatten();
            names
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        };
        let schema = &mut parameter["schema"];
        let schema = match schema.get_mut("items") {
            Some(_) => &mut schema["items"],
            None => schema,
        };
        restrict(schema, &names);
    }
}

fn restrict<T: AsRef<str>>(property: &mut Value, names: &[T]) {
    let is_text = match &property["type"] {
        Value::String(name) => name == "string",
        Value::Array(names) => names.iter().any(|name| name == "string"),
        _ => false,
    };
    if !is_text || names.is_empty() {
        return;
    }
    let mut values: Vec<Value> = names
        .iter()
        .map(|name| Value::from(name.as_ref()))
        .collect();
    match values.as_slice() {
        [only] if property["type"] == "string" => property["const"] = only.clone(),
        _ => {
            if property["type"].is_array() {
                values.push(Value::Null);
            }
            property["enum"] = json!(values);
        }
    }
}

/// What stands between two names; a line may break in it.
const BETWEEN: [&str; 7] = [", ", ",\n", " or ", " or\n", "\nor ", ", or ", ",\nor "];

/// What stands behind the last name.
const ENDS: [&str; 6] = [".", ";", ":", " (", "\n(", ", "];

/// The names that a description starts with; none where it is about something else.
fn names_of(description: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = description;
    loop {
        let name = rest
            .strip_prefix('`')
            .and_then(|rest| rest.split_once('`'))
            .filter(|(name, _)| is_name(name));
        let Some((name, behind)) = name else {
            return Vec::new();
        };
        names.push(name);
        let next = BETWEEN
            .iter()
            .filter_map(|between| behind.strip_prefix(between))
            .find(|next| next.starts_with('`'));
        match next {
            Some(next) => rest = next,
            None => {
                let is_whole = ENDS.iter().any(|end| behind.starts_with(end));
                return if is_whole { names } else { Vec::new() };
            }
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_known = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.';
    !text.is_empty() && !text.ends_with('_') && text.bytes().all(is_known)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("`agent`.", &["agent"])]
    #[case("`learning`, `test` or `live`.", &["learning", "test", "live"])]
    #[case("`success` or\n`unknown` (canceled); null while it is live.", &["success", "unknown"])]
    #[case("`success`, or `failure` where nothing came of it.", &[])]
    #[case("`input`, `storage`: each adds a key.", &["input", "storage"])]
    #[case("`mfa`, `account_selection` or another.", &[])]
    #[case("`evt_…`; the same in every delivery.", &[])]
    #[case("`agt_` and 1 to 250 letters.", &[])]
    #[case("What happened, such as `task_run.completed`.", &[])]
    fn names_stand_first_and_alone(#[case] description: &str, #[case] names: &[&str]) {
        assert_eq!(names_of(description), names);
    }
}
