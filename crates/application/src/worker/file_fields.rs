//! The fields by which a task knows a file again, out of what an agent took out of it. Source:
//! docs/api.md, "Files".

use serde_json::{Map, Value};
use windlass_domain::file::Extraction;
use windlass_domain::id::OrganizationId;
use windlass_domain::task::Task;

use super::value_digest;
use crate::schema::Schemas;

/// SHA-256 of the fields of the task's deduplication schema; None where the task has none, or where
/// they were not found in the file. What was not found says nothing of it.
pub(super) fn digest(
    schemas: &Schemas,
    owner: OrganizationId,
    task: &Task,
    extraction: &Extraction,
) -> Option<[u8; 32]> {
    let schema = task.storage.as_ref()?.deduplication_schema.as_ref()?;
    let fields = named(schema, extraction.data()?);
    let is_found = says_something(&fields) && schemas.allows_fields(owner, task, &fields);
    is_found.then(|| value_digest::digest(&fields))
}

/// What a schema names by its `properties`, at every depth; all where it names none.
fn named(schema: &Value, data: &Value) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let properties = properties.filter(|properties| !properties.is_empty());
    let (Some(properties), Some(members)) = (properties, data.as_object()) else {
        return data.clone();
    };
    let fields: Map<String, Value> = properties
        .iter()
        .filter_map(|(name, schema)| Some((name.clone(), named(schema, members.get(name)?))))
        .collect();
    Value::Object(fields)
}

/// Nulls and nothing are in every file.
fn says_something(fields: &Value) -> bool {
    match fields {
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
        Value::Array(items) => items.iter().any(says_something),
        Value::Object(members) => members.values().any(says_something),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;
    use windlass_domain::task::StorageSettings;

    use super::*;
    use crate::fixture::{organization, task};

    /// By number, and by the address of the customer, whom not every bill names.
    fn of(data: Value) -> Option<[u8; 32]> {
        let schema = json!({
            "type": "object",
            "properties": {
                "number": {"type": "string"},
                "customer": {
                    "type": "object",
                    "properties": {"address": {"type": ["string", "null"]}},
                },
            },
        });
        digest_by(schema, &Extraction::Taken(data))
    }

    fn digest_by(schema: Value, extraction: &Extraction) -> Option<[u8; 32]> {
        let mut task = task();
        task.storage = Some(StorageSettings {
            enabled: true,
            extraction: true,
            extraction_schema: None,
            extraction_prompt: None,
            deduplication: true,
            deduplication_schema: Some(schema),
        });
        let owner = organization().organization_id();
        digest(&Schemas::default(), owner, &task, extraction)
    }

    #[rstest]
    #[case(json!({"number": "17", "amount": 3}), json!({"number": "17", "amount": 4}))]
    #[case(
        json!({"number": "17", "customer": {"address": "a", "name": "Ada"}}),
        json!({"customer": {"name": "Bo", "address": "a"}, "number": "17"})
    )]
    fn files_that_are_equal_in_every_field_are_alike(#[case] one: Value, #[case] other: Value) {
        let digest = of(one);

        assert!(digest.is_some());
        assert_eq!(digest, of(other));
    }

    #[rstest]
    #[case(json!({"number": "18"}))]
    #[case(json!({"number": "17", "customer": {}}))]
    #[case(json!({"number": "17", "customer": {"address": null}}))]
    #[case(json!({"number": "17", "customer": {"address": "b"}}))]
    fn files_that_differ_in_one_field_are_not(#[case] other: Value) {
        let digest = of(other);

        assert!(digest.is_some());
        assert_ne!(digest, of(json!({"number": "17"})));
    }

    #[rstest]
    #[case(json!({"amount": 3}))]
    #[case(json!({"number": 17}))]
    #[case(json!({"customer": {"address": null}}))]
    #[case(json!(null))]
    #[case(json!("17"))]
    fn what_was_not_found_says_nothing(#[case] data: Value) {
        assert_eq!(of(data), None);
    }

    #[test]
    fn what_failed_says_nothing() {
        let schema = json!(true);

        assert_eq!(digest_by(schema.clone(), &Extraction::Failed), None);
        assert_eq!(digest_by(schema, &Extraction::None), None);
    }

    #[test]
    fn a_field_that_must_be_there_is_missed() {
        let schema = json!({"properties": {"number": {}, "date": {}}, "required": ["date"]});
        let dateless = Extraction::Taken(json!({"number": "17"}));
        let whole = Extraction::Taken(json!({"number": "17", "date": "2026-01-20"}));

        assert_eq!(digest_by(schema.clone(), &dateless), None);
        assert!(digest_by(schema, &whole).is_some());
    }

    #[test]
    fn a_schema_that_names_no_field_compares_all() {
        let one = digest_by(json!(true), &Extraction::Taken(json!({"a": 1})));
        let other = digest_by(json!(true), &Extraction::Taken(json!({"a": 2})));

        assert!(one.is_some() && other.is_some());
        assert_ne!(one, other);
    }
}
