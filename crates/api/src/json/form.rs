//! The form of a body: its own schema from the OpenAPI document, closed, with optional fields that
//! may be null. So what is checked and what is documented cannot drift apart.

mod mend;
mod schema;
mod words;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use self::mend::Mend;
use self::schema::{or_null, plain, without_nulls};
use self::words::{rank, refusal};
use crate::change::MAX_BODY_BYTES;
use crate::error::Finding;
use crate::error_code::ErrorCode;
use crate::json::nul;
use crate::json::strict::{NotJson, read};

/// The most findings of one body that are told at once.
const MAX_FINDINGS: usize = 100;

/// Why a change does not take a field that the resource has from its creation on.
pub(crate) const CANNOT_CHANGE: &str = "cannot change";

/// A body that a call takes.
pub(crate) trait RequestBody: DeserializeOwned + ToSchema + Send + 'static {
    /// What it makes, in messages: `a task`.
    const NOUN: &'static str;
    /// Whether the call takes none as well.
    const OPTIONAL: bool = false;
    /// How long it may be, in bytes.
    const MAX_BYTES: usize = MAX_BODY_BYTES;
    /// Which of its fields null clears; anywhere else null means left out.
    const CLEARED: &'static [&'static str] = &[];
    /// Which fields there are and this body cannot have, each with the reason.
    const REFUSED: &'static [(&'static str, &'static str)] = &[];
    /// Whether what is not known is refused also where the operator lets it be left aside: what
    /// narrows a right would, misspelt, leave it wide.
    const NARROWS: bool = false;

    /// Its form, made once.
    fn form() -> &'static Form;

    /// What its bytes say.
    ///
    /// # Errors
    /// They are no JSON that is taken.
    fn read(bytes: &[u8]) -> Result<Value, NotJson> {
        read(bytes)
    }

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

    /// The value without the fields that are not known, and what those are called. What the body
    /// cannot have is known, and stays to be refused.
    pub(crate) fn without_unknown<T: RequestBody>(&self, mut value: Value) -> (Value, Vec<String>) {
        let mut unknown = Vec::new();
        let checked = without_nulls(value.clone(), &self.schema);
        for error in self.validator.iter_errors(&checked) {
            let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() else {
                continue;
            };
            let parent = segments(&error);
            for name in unexpected {
                if parent.is_empty() && refusal::<T>(name).is_some() {
                    continue;
                }
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

fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests;
