//! Reads JSON objects and notes every problem on the way, each with its place.

use serde_json::{Map, Value};

use crate::problem::{Problem, ProblemKind, inside};
use crate::{MAX_NAME_CHARACTERS, MAX_TEXT_CHARACTERS};

/// The problems found so far, and what was found that nobody reads.
#[derive(Default)]
pub(crate) struct Problems {
    pub(crate) found: Vec<Problem>,
    /// The places of fields that mean nothing to us.
    pub(crate) unread: Vec<String>,
}

impl Problems {
    /// Notes a problem; the `None` is what the reader then has instead of a value.
    pub(crate) fn note<T>(
        &mut self,
        kind: ProblemKind,
        path: &str,
        message: impl Into<String>,
    ) -> Option<T> {
        self.found.push(Problem {
            kind,
            pointer: path.to_owned(),
            step: None,
            message: message.into(),
        });
        None
    }

    pub(crate) fn invalid<T>(&mut self, path: &str, message: impl Into<String>) -> Option<T> {
        self.note(ProblemKind::Invalid, path, message)
    }
}

/// A JSON object at its place.
#[derive(Clone)]
pub(crate) struct Object<'json> {
    fields: &'json Map<String, Value>,
    pub(crate) path: String,
}

impl<'json> Object<'json> {
    pub(crate) fn read(value: &'json Value, path: &str, problems: &mut Problems) -> Option<Self> {
        match value.as_object() {
            Some(fields) => Some(Self {
                fields,
                path: path.to_owned(),
            }),
            None => problems.invalid(path, format!("must be an object, not {}", kind_of(value))),
        }
    }

    /// The place of a field.
    pub(crate) fn place(&self, name: &str) -> String {
        inside(&self.path, name)
    }

    /// A field that is there; null is the same as left out.
    pub(crate) fn optional(&self, name: &str) -> Option<&'json Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn required(&self, name: &str, problems: &mut Problems) -> Option<&'json Value> {
        match self.optional(name) {
            Some(value) => Some(value),
            None => problems.note(ProblemKind::Missing, &self.place(name), "is required"),
        }
    }

    /// The fields by name.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'json String, &'json Value)> {
        self.fields.iter()
    }

    pub(crate) fn length(&self) -> usize {
        self.fields.len()
    }

    /// Notes each field that is none of these.
    pub(crate) fn only(&self, known: &[&str], problems: &mut Problems) {
        for name in self.others(known) {
            let message = format!("is unknown; there are {}", known.join(", "));
            let _: Option<()> = problems.note(ProblemKind::Unknown, &self.place(name), message);
        }
    }

    /// Leaves aside each field that is none of these: the Recorder and its extensions may write more
    /// than we know.
    pub(crate) fn leave_aside_all_but(&self, known: &[&str], problems: &mut Problems) {
        for name in self.others(known) {
            problems.unread.push(self.place(name));
        }
    }

    fn others(&self, known: &[&str]) -> impl Iterator<Item = &'json String> {
        let names = self.fields.keys();
        names.filter(move |name| !known.contains(&name.as_str()))
    }

    /// A text that must be there and say something.
    pub(crate) fn text(&self, name: &str, problems: &mut Problems) -> Option<&'json str> {
        let value = self.required(name, problems)?;
        text(value, &self.place(name), MAX_TEXT_CHARACTERS, problems)
    }

    /// A short text that must be there.
    pub(crate) fn name(&self, name: &str, problems: &mut Problems) -> Option<&'json str> {
        let value = self.required(name, problems)?;
        text(value, &self.place(name), MAX_NAME_CHARACTERS, problems)
    }

    pub(crate) fn optional_text(&self, name: &str, problems: &mut Problems) -> Option<&'json str> {
        text(
            self.optional(name)?,
            &self.place(name),
            MAX_TEXT_CHARACTERS,
            problems,
        )
    }

    /// A number with or without fraction, where it is there.
    pub(crate) fn check_number(&self, name: &str, problems: &mut Problems) {
        if let Some(value) = self.optional(name)
            && !value.is_number()
        {
            let message = format!("must be a number, not {}", kind_of(value));
            let _: Option<()> = problems.invalid(&self.place(name), message);
        }
    }

    /// One of these texts, where it is there.
    pub(crate) fn check_choice(&self, name: &str, choices: &[&str], problems: &mut Problems) {
        if let Some(value) = self.optional(name)
            && !value.as_str().is_some_and(|text| choices.contains(&text))
        {
            let message = format!("must be one of {}", choices.join(", "));
            let _: Option<()> = problems.invalid(&self.place(name), message);
        }
    }

    pub(crate) fn flag(&self, name: &str, default: bool, problems: &mut Problems) -> bool {
        match self.optional(name) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => {
                let message = format!("must be true or false, not {}", kind_of(other));
                problems
                    .invalid(&self.place(name), message)
                    .unwrap_or(default)
            }
        }
    }

    /// A whole number within bounds, where it is there.
    pub(crate) fn number(
        &self,
        name: &str,
        least: u32,
        most: u32,
        problems: &mut Problems,
    ) -> Option<u32> {
        let value = self.optional(name)?;
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => problems.invalid(
                &self.place(name),
                format!("must be a whole number from {least} to {most}"),
            ),
        }
    }
}

/// A list of at most `most` items.
pub(crate) fn list<'json>(
    value: &'json Value,
    path: &str,
    most: usize,
    problems: &mut Problems,
) -> Option<&'json [Value]> {
    match value {
        Value::Array(items) if items.is_empty() => {
            problems.note(ProblemKind::Missing, path, "must hold at least one item")
        }
        Value::Array(items) if items.len() > most => problems.invalid(
            path,
            format!("must hold {most} items at most, not {}", items.len()),
        ),
        Value::Array(items) => Some(items),
        other => problems.invalid(path, format!("must be a list, not {}", kind_of(other))),
    }
}

/// A text of at most `most` characters that says something.
pub(crate) fn text<'json>(
    value: &'json Value,
    path: &str,
    most: usize,
    problems: &mut Problems,
) -> Option<&'json str> {
    match value {
        Value::String(text) if text.trim().is_empty() => {
            problems.note(ProblemKind::Missing, path, "must not be empty")
        }
        Value::String(text) if text.chars().count() > most => {
            problems.invalid(path, format!("must have {most} characters at most"))
        }
        Value::String(text) => Some(text),
        other => problems.invalid(path, format!("must be a text, not {}", kind_of(other))),
    }
}

pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
