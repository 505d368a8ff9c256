//! What is wrong with the form of a body, in words: which field, what it is, what would be right.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use super::{Form, RequestBody, segments};
use crate::error::Finding;
use crate::error_code::ErrorCode;
use crate::suggestion::nearest;

impl Form {
    pub(super) fn findings<T: RequestBody>(&self, error: &ValidationError<'_>) -> Vec<Finding> {
        let segments = segments(error);
        let path: Vec<&str> = segments.iter().map(String::as_str).collect();
        let inside = |name: &str| T::field(&[&path[..], &[name]].concat());
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let description = self
                    .at(&path)
                    .and_then(|schema| schema["properties"][name]["description"].as_str());
                vec![missing::<T>(&inside(name), "missing", description)]
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                let known = self
                    .at(&path)
                    .and_then(|schema| schema["properties"].as_object());
                let known: Vec<&str> = known
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| name.as_str())
                    .collect();
                unexpected
                    .iter()
                    .map(|name| {
                        let refusal = refusal::<T>(name).filter(|_| path.is_empty());
                        if let Some(refusal) = refusal {
                            return refusal;
                        }
                        let meant = nearest(name, known.iter().copied()).map(&inside);
                        unknown::<T>(&inside(name), meant)
                    })
                    .collect()
            }
            _ if path.is_empty() => vec![Finding {
                code: ErrorCode::BodyInvalid,
                field: None,
                message: format!(
                    "The body must be a JSON object; it is {}.",
                    type_of(error.instance())
                ),
            }],
            _ if error.instance().is_null() && self.requires(&path) => {
                let description = self
                    .at(&path)
                    .and_then(|schema| schema["description"].as_str());
                vec![missing::<T>(&T::field(&path), "null", description)]
            }
            kind => {
                let field = T::field(&path);
                let message = format!("`{field}` {}.", rule(kind, error.instance()));
                vec![Finding::of(ErrorCode::InputInvalid, field, message)]
            }
        }
    }
}

/// What is missing is told first, then what is there by a slip, then what is wrong.
pub(super) fn rank(finding: &Finding) -> u8 {
    match finding.code {
        ErrorCode::InputMissing => 0,
        ErrorCode::InputUnknown => 1,
        _ => 2,
    }
}

fn missing<T: RequestBody>(field: &str, how: &str, description: Option<&str>) -> Finding {
    let noun = T::NOUN;
    let what = description
        .map(|text| format!(": {}", text.trim_end_matches('.')))
        .unwrap_or_default();
    Finding::of(
        ErrorCode::InputMissing,
        field,
        format!("`{field}` is {how}; {noun} must have it{what}."),
    )
}

fn unknown<T: RequestBody>(field: &str, meant: Option<String>) -> Finding {
    let noun = T::NOUN;
    let message = match meant {
        Some(meant) => format!("`{field}` is not a field of {noun}; did you mean `{meant}`?"),
        None => format!("`{field}` is not a field of {noun}."),
    };
    Finding::of(ErrorCode::InputUnknown, field, message)
}

pub(super) fn refusal<T: RequestBody>(field: &str) -> Option<Finding> {
    let refused = T::REFUSED.iter().find(|(name, _)| *name == field);
    refused.map(|(_, reason)| {
        let message = format!("`{field}` {reason}; leave it out.");
        Finding::of(ErrorCode::InputInvalid, field, message)
    })
}

/// What a value must be, after its name.
fn rule(kind: &ValidationErrorKind, value: &Value) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => {
            format!("must be {}; it is {}", expected(kind), type_of(value))
        }
        ValidationErrorKind::Enum { options } => {
            let names = options.as_array().map(Vec::as_slice).unwrap_or_default();
            let names: Vec<String> = names
                .iter()
                .filter_map(Value::as_str)
                .map(|name| format!("`{name}`"))
                .collect();
            match names.as_slice() {
                [one] => format!("must be {one}"),
                several => format!("must be one of {}", several.join(", ")),
            }
        }
        ValidationErrorKind::Minimum { limit } => format!("must be {limit} or more; it is {value}"),
        ValidationErrorKind::Maximum { limit } => format!("must be {limit} or less; it is {value}"),
        // No body of ours has another rule; one that gets some is still refused, in fewer words.
        _ => "has a value that does not fit".to_owned(),
    }
}

fn expected(kind: &TypeKind) -> String {
    let name = |json_type: jsonschema::JsonType| match json_type {
        jsonschema::JsonType::Array => "a list",
        jsonschema::JsonType::Boolean => "true or false",
        jsonschema::JsonType::Integer => "a whole number",
        jsonschema::JsonType::Null => "null",
        jsonschema::JsonType::Number => "a number",
        jsonschema::JsonType::Object => "an object",
        jsonschema::JsonType::String => "a string",
    };
    match kind {
        TypeKind::Single(json_type) => name(*json_type).to_owned(),
        TypeKind::Multiple(types) => types.iter().map(name).collect::<Vec<_>>().join(" or "),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
