//! The form of a body: its own schema from the OpenAPI document, closed, with optional fields that
//! may be null. So what is checked and what is documented cannot drift apart.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::error::Finding;
use crate::error_code::ErrorCode;
use crate::json::nul;
use crate::suggestion::nearest;

/// The most findings of one body that are told at once.
const MAX_FINDINGS: usize = 100;

/// How often a value is mended: what is left out may have been required, and what was empty may
/// lack members.
const MAX_MENDS: usize = 8;

/// The largest whole number that every reader of JSON understands alike. Source: RFC 8259,
/// section 6.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Why a change does not take a field that the resource has from its creation on.
pub(crate) const CANNOT_CHANGE: &str = "cannot change";

/// A body that a call takes.
pub(crate) trait RequestBody: DeserializeOwned + ToSchema + Send + 'static {
    /// What it makes, in messages: `a task`.
    const NOUN: &'static str;
    /// Whether the call takes none as well.
    const OPTIONAL: bool = false;
    /// Which of its fields null clears; anywhere else null means left out.
    const CLEARED: &'static [&'static str] = &[];
    /// Which fields there are and this body cannot have, each with the reason.
    const REFUSED: &'static [(&'static str, &'static str)] = &[];

    /// Its form, made once.
    fn form() -> &'static Form;

    /// What a caller knows the field at this path by.
    fn field(path: &[&str]) -> String {
        path.join(".")
    }
}

/// Says what a body makes. Its form is made once, when the first one comes.
macro_rules! request_body {
    ($body:ty, $noun:literal $(, $member:item)*) => {
        impl crate::json::RequestBody for $body {
            const NOUN: &'static str = $noun;

            fn form() -> &'static crate::json::Form {
                static FORM: std::sync::LazyLock<crate::json::Form> =
                    std::sync::LazyLock::new(crate::json::Form::of::<$body>);
                &FORM
            }

            $($member)*
        }
    };
}

pub(crate) use request_body;

/// The form of a body.
pub(crate) struct Form {
    schema: Value,
    validator: Validator,
}

impl Form {
    /// The form of a type's bodies.
    pub(crate) fn of<T: RequestBody>() -> Self {
        let mut named = Vec::new();
        T::schemas(&mut named);
        let named: Map<String, Value> = named
            .into_iter()
            .filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?)))
            .collect();
        let own = serde_json::to_value(T::schema()).unwrap_or_default();
        let mut schema = plain(own, &named);
        for name in T::CLEARED {
            let property = &mut schema["properties"][*name];
            property["type"] = or_null(&property["type"]);
        }
        let validator = jsonschema::validator_for(&schema).expect(
            "utoipa writes valid JSON Schema, which `every_form_is_one` tests of each body",
        );
        Self { schema, validator }
    }

    /// All that is wrong with this value, and the value without the nulls that mean left out.
    pub(crate) fn check<T: RequestBody>(&self, value: Value) -> (Value, Vec<Finding>) {
        let mut value = without_nulls(value, &self.schema);
        if let Value::Object(members) = &mut value {
            members.retain(|name, member| !member.is_null() || refusal::<T>(name).is_none());
        }
        let mut findings: Vec<Finding> = Vec::new();
        for error in self.validator.iter_errors(&value) {
            for finding in self.findings::<T>(&error) {
                // A wrong type breaks further rules of the same field: the first says it all.
                let known = findings
                    .iter()
                    .any(|other| other.field.is_some() && other.field == finding.field);
                if !known && findings.len() < MAX_FINDINGS {
                    findings.push(finding);
                }
            }
        }
        for place in nul::places(&value) {
            let place: Vec<&str> = place.iter().map(String::as_str).collect();
            let field = T::field(&place);
            let known = findings
                .iter()
                .any(|other| other.field.as_ref() == Some(&field));
            if !known && findings.len() < MAX_FINDINGS {
                let message = format!("`{field}` must not hold a NUL character.");
                findings.push(Finding::of(ErrorCode::InputInvalid, field, message));
            }
        }
        findings.sort_by(|one, other| (rank(one), &one.field).cmp(&(rank(other), &other.field)));
        (value, findings)
    }

    /// The value without the fields that are not known, and what those are called.
    pub(crate) fn without_unknown<T: RequestBody>(&self, mut value: Value) -> (Value, Vec<String>) {
        let mut unknown = Vec::new();
        let checked = without_nulls(value.clone(), &self.schema);
        for error in self.validator.iter_errors(&checked) {
            let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() else {
                continue;
            };
            let parent = segments(&error);
            for name in unexpected {
                let path = parent.iter().chain([name]).map(String::as_str);
                unknown.push(T::field(&path.collect::<Vec<_>>()));
                let mend = Mend {
                    parent: parent.clone(),
                    name: name.clone(),
                    with: None,
                };
                mend.apply(&mut value);
            }
        }
        (value, unknown)
    }

    /// The value without what is wrong with its form, so that the rules can be asked of the rest:
    /// what must not be there is left out, what must be is there and empty. None where nothing can
    /// be said of the rest.
    pub(crate) fn mended(&self, mut value: Value) -> Option<Value> {
        for _ in 0..MAX_MENDS {
            let mends: Option<Vec<Mend>> = self
                .validator
                .iter_errors(&value)
                .take(MAX_FINDINGS)
                .map(|error| self.mends(&error))
                .collect::<Option<Vec<Vec<Mend>>>>()
                .map(|mends| mends.into_iter().flatten().collect());
            let mends = mends?;
            if mends.is_empty() {
                return Some(value);
            }
            for mend in mends {
                mend.apply(&mut value);
            }
        }
        None
    }

    fn mends(&self, error: &ValidationError<'_>) -> Option<Vec<Mend>> {
        let mut path = segments(error);
        let mend = |name: &str, with| Mend {
            parent: path.clone(),
            name: name.to_owned(),
            with,
        };
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str()?;
                let names: Vec<&str> = path.iter().map(String::as_str).chain([name]).collect();
                Some(vec![mend(name, Some(empty(self.at(&names)?)))])
            }
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                Some(unexpected.iter().map(|name| mend(name, None)).collect())
            }
            _ => {
                let name = path.pop()?;
                Some(vec![Mend {
                    parent: path,
                    name,
                    with: None,
                }])
            }
        }
    }

    fn findings<T: RequestBody>(&self, error: &ValidationError<'_>) -> Vec<Finding> {
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

    /// The schema of the values at this path.
    fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.schema, |schema, name| {
            schema["properties"]
                .get(*name)
                .or_else(|| schema.get("items"))
                .or_else(|| schema.get("additionalProperties"))
        })
    }

    fn requires(&self, path: &[&str]) -> bool {
        let Some((name, parents)) = path.split_last() else {
            return false;
        };
        self.at(parents)
            .and_then(|schema| schema["required"].as_array())
            .is_some_and(|required| required.iter().any(|required| required == name))
    }
}

/// The members that lead to where an error is.
fn segments(error: &ValidationError<'_>) -> Vec<String> {
    let pointer = error.instance_path().as_str().to_owned();
    pointer.split('/').skip(1).map(unescaped).collect()
}

/// A change of one member of a value.
struct Mend {
    parent: Vec<String>,
    name: String,
    /// What it is from now on; None leaves it out.
    with: Option<Value>,
}

impl Mend {
    /// Changes nothing where the parent is no object, or was left out meanwhile.
    fn apply(self, value: &mut Value) {
        let parent = self
            .parent
            .iter()
            .try_fold(value, |value, name| match value {
                Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
                value => value.get_mut(name.as_str()),
            });
        let Some(Value::Object(members)) = parent else {
            return;
        };
        match self.with {
            Some(value) => members.insert(self.name, value),
            None => members.remove(&self.name),
        };
    }
}

/// The empty value that a schema takes, or the first of those that it names.
fn empty(schema: &Value) -> Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("string") => Value::from(""),
        Some("object") => Value::Object(Map::new()),
        Some("array") => Value::Array(Vec::new()),
        Some("boolean") => Value::from(false),
        Some("integer" | "number") => Value::from(0),
        Some(_) | None => Value::Null,
    }
}

/// What is missing is told first, then what is there by a slip, then what is wrong.
fn rank(finding: &Finding) -> u8 {
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

fn refusal<T: RequestBody>(field: &str) -> Option<Finding> {
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

fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// The schema with its references put in, and without null as a type of its own: a null in an
/// optional field is taken out before. Bodies are trees, so this ends.
fn plain(schema: Value, named: &Map<String, Value>) -> Value {
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
fn or_null(json_type: &Value) -> Value {
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
fn without_nulls(value: Value, schema: &Value) -> Value {
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

#[cfg(test)]
mod tests;
