//! A value whose form is mended, so that the rules of the application can be asked of the rest of it.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};

use super::{Form, MAX_FINDINGS, segments};

/// How often a value is mended: what is left out may have been required, and what was empty may
/// lack members.
const MAX_MENDS: usize = 8;

impl Form {
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
}

/// A change of one member of a value.
pub(super) struct Mend {
    pub(super) parent: Vec<String>,
    pub(super) name: String,
    /// What it is from now on; None leaves it out.
    pub(super) with: Option<Value>,
}

impl Mend {
    /// Changes nothing where the parent is no object, or was left out meanwhile.
    pub(super) fn apply(self, value: &mut Value) {
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
