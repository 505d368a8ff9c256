//! What a text or a JSON value says, as the playbook or else the task's output schema wants it.

use serde_json::Value;
use windlass_playbook::Reading;

use crate::reading;

/// How many references of a schema are followed to one field.
const MAX_REFERENCES: usize = 10;

/// A part of the task's output schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schema<'task> {
    root: &'task Value,
    /// None where the schema says nothing of it.
    part: Option<&'task Value>,
}

impl<'task> Schema<'task> {
    pub(super) fn of(root: &'task Value) -> Self {
        Self { root, part: None }.at(Some(root))
    }

    /// A part of it, behind the references and choices that lead to it.
    fn at(self, part: Option<&'task Value>) -> Self {
        let mut next = part;
        for _ in 0..MAX_REFERENCES {
            let Some(part) = next else { break };
            next = match part.get("$ref").and_then(Value::as_str) {
                Some(reference) => {
                    let pointer = reference.strip_prefix('#');
                    pointer.and_then(|pointer| self.root.pointer(pointer))
                }
                None => match only_choice(part) {
                    Some(choice) => Some(choice),
                    None => return Self { part: next, ..self },
                },
            };
        }
        Self { part: None, ..self }
    }

    /// What it says of a field.
    pub(super) fn field(self, name: &str) -> Self {
        let fields = self.part.and_then(|part| part.get("properties"));
        self.at(fields.and_then(|fields| fields.get(name)))
    }

    /// What it says of the items of a list.
    pub(super) fn items(self) -> Self {
        self.at(self.part.and_then(|part| part.get("items")))
    }

    /// Whether a field must be there.
    pub(super) fn requires(self, name: &str) -> bool {
        let required = self.part.and_then(|part| part.get("required"));
        let mut required = required.and_then(Value::as_array).into_iter().flatten();
        required.any(|required| required == name)
    }

    /// Whether a list must not be empty.
    pub(super) fn requires_items(self) -> bool {
        let least = self.part.and_then(|part| part.get("minItems"));
        least.and_then(Value::as_u64).is_some_and(|least| least > 0)
    }

    fn is(self, wanted: &str) -> bool {
        match self.part.and_then(|part| part.get("type")) {
            Some(Value::String(name)) => name == wanted,
            Some(Value::Array(names)) => names.iter().any(|name| name == wanted),
            _ => false,
        }
    }

    /// How to read a value that the playbook says nothing of.
    pub(super) fn reading(self) -> Reading {
        let is_date = self.part.and_then(|part| part.get("format")) == Some(&Value::from("date"));
        if self.is("string") || self.part.is_none() {
            return match is_date {
                true => Reading::Date { order: None },
                false => Reading::Text,
            };
        }
        if self.is("number") || self.is("integer") {
            return Reading::Number { decimal: None };
        }
        match self.is("boolean") {
            true => Reading::Boolean,
            false => Reading::Text,
        }
    }

    /// Whether any JSON will do: nothing says that it is a text, a number or a truth.
    fn is_open(self) -> bool {
        let plain = ["string", "number", "integer", "boolean"];
        !plain.into_iter().any(|plain| self.is(plain))
    }
}

/// What a value is that may be one thing or null, as generators write it where it may be missing:
/// `{"anyOf": [{"type": "number"}, {"type": "null"}]}`.
fn only_choice(part: &Value) -> Option<&Value> {
    // Beside what is said in the open a choice only narrows it.
    if ["type", "properties", "items"]
        .iter()
        .any(|said| part.get(said).is_some())
    {
        return None;
    }
    let choices = ["anyOf", "oneOf", "allOf"]
        .iter()
        .find_map(|of| part.get(of));
    let choices = choices.and_then(Value::as_array)?;
    let is_null = |choice: &&Value| choice.get("type") == Some(&Value::from("null"));
    let mut others = choices.iter().filter(|choice| !is_null(choice));
    others.next().filter(|_| others.next().is_none())
}

/// What a text says; None where it is no such value.
pub(super) fn said(
    text: &str,
    reading: &Reading,
    schema: Schema,
    language: Option<&str>,
) -> Option<Value> {
    match reading {
        Reading::Text => Some(Value::from(text)),
        Reading::Number { decimal } => {
            reading::number(text, *decimal).map(|number| whole(number, schema))
        }
        Reading::Date { order } => reading::date(text, *order, language).map(Value::from),
        Reading::Boolean => reading::boolean(text).map(Value::from),
    }
}

/// What a value of a JSON text says. `reading` is the playbook's own.
pub(super) fn said_in_json(
    value: Value,
    reading: Option<&Reading>,
    schema: Schema,
    language: Option<&str>,
) -> Option<Value> {
    let wanted = match reading {
        Some(reading) => reading.clone(),
        None if schema.is_open() => return Some(value),
        None => schema.reading(),
    };
    match (&wanted, value) {
        (_, Value::String(text)) => said(&text, &wanted, schema, language),
        (Reading::Number { .. }, number @ Value::Number(_)) => Some(whole(number, schema)),
        (Reading::Boolean, truth @ Value::Bool(_)) => Some(truth),
        (Reading::Text, Value::Number(number)) => Some(Value::from(number.to_string())),
        (Reading::Text, Value::Bool(truth)) => Some(Value::from(truth.to_string())),
        _ => None,
    }
}

/// `12.00` as 12 where a whole number is wanted.
fn whole(number: Value, schema: Schema) -> Value {
    if !schema.is("integer") || number.is_i64() {
        return number;
    }
    let written = number.as_f64().filter(|number| number.fract() == 0.0);
    let whole = written.and_then(|number| format!("{number:.0}").parse::<i64>().ok());
    whole.map_or(number, Value::from)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"type": "number"}), "1 249,50 kr", json!(1249.5))]
    #[case(json!({"type": ["integer", "null"]}), "12.00", json!(12))]
    #[case(json!({"type": "integer"}), "12.50", json!(12.5))]
    #[case(json!({"type": "string", "format": "date"}), "20. mai 2026", json!("2026-05-20"))]
    #[case(json!({"type": "string"}), "12", json!("12"))]
    #[case(json!({"type": "boolean"}), "Ja", json!(true))]
    #[case(json!({}), "12", json!("12"))]
    #[case(json!({"$ref": "#/$defs/sum"}), "12", json!(12))]
    #[case(json!({"anyOf": [{"type": "number"}, {"type": "null"}]}), "1,249.50", json!(1249.5))]
    #[case(json!({"oneOf": [{"type": "null"}, {"$ref": "#/$defs/sum"}]}), "12", json!(12))]
    #[case(json!({"allOf": [{"$ref": "#/$defs/sum"}]}), "12", json!(12))]
    #[case(json!({"anyOf": [{"type": "number"}, {"type": "string"}]}), "12", json!("12"))]
    #[case(
        json!({"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}),
        "20. mai 2026",
        json!("2026-05-20")
    )]
    fn the_output_schema_says_what_a_text_is(
        #[case] field: Value,
        #[case] text: &str,
        #[case] expected: Value,
    ) {
        let schema = json!({"properties": {"a": field}, "$defs": {"sum": {"type": "number"}}});
        let schema = Schema::of(&schema).field("a");

        assert_eq!(said(text, &schema.reading(), schema, None), Some(expected));
    }

    #[rstest]
    #[case(json!({"type": "number"}), json!("12,50"), Some(json!(12.5)))]
    #[case(json!({"type": "number"}), json!(12), Some(json!(12)))]
    #[case(json!({"type": "string"}), json!(12), Some(json!("12")))]
    #[case(json!({"type": "string"}), json!([12]), None)]
    #[case(json!({"type": "array"}), json!([12]), Some(json!([12])))]
    #[case(json!({}), json!({"a": null}), Some(json!({"a": null})))]
    fn and_what_a_json_value_is(
        #[case] field: Value,
        #[case] value: Value,
        #[case] expected: Option<Value>,
    ) {
        let schema = json!({"properties": {"a": field}});
        let schema = Schema::of(&schema).field("a");

        assert_eq!(said_in_json(value, None, schema, None), expected);
    }

    #[test]
    fn required_fields_are_known_in_lists_too() {
        let schema =
            json!({"required": ["a"], "properties": {"rows": {"items": {"required": ["b"]}}}});
        let schema = Schema::of(&schema);

        let rows = schema.field("rows").items();
        assert!(schema.requires("a") && rows.requires("b"));
        assert!(!schema.requires("b") && !rows.requires("a"));
    }

    #[test]
    fn a_choice_beside_a_type_hides_nothing() {
        let schema = json!({"type": "object", "anyOf": [{"required": ["a"]}],
            "properties": {"a": {"type": "number"}}});

        let reading = Schema::of(&schema).field("a").reading();

        assert_eq!(reading, Reading::Number { decimal: None });
    }

    #[test]
    fn a_list_that_may_be_null_has_its_rows() {
        let rows = json!({"items": {"properties": {"b": {"type": "number"}}}});
        let schema = json!({"properties": {"rows": {"anyOf": [rows, {"type": "null"}]}}});
        let schema = Schema::of(&schema);

        let reading = schema.field("rows").items().field("b").reading();

        assert_eq!(reading, Reading::Number { decimal: None });
    }

    #[test]
    fn a_reference_to_itself_says_nothing() {
        let schema = json!({"$ref": "#"});

        assert_eq!(Schema::of(&schema).field("a").reading(), Reading::Text);
    }
}
