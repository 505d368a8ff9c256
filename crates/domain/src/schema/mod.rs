//! Which JSON Schemas a task may have: self-contained, bounded, with patterns that an engine of
//! linear time can run.
//!
//! Whether a schema is valid JSON Schema 2020-12 is asked of a validator, after [`check`]: what is
//! refused here could make the validator itself run for seconds, take gigabytes or end the process.
//! Source: docs/lifecycle.md, "Schemas".

mod expansion;
mod inspection;
mod keyword;
mod pattern;
mod place;

use std::io;

use serde_json::Value;

use self::place::Place;

/// The longest schema, serialized, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// How deep objects and arrays of a schema may nest.
pub const MAX_DEPTH: usize = 32;

/// How many schemas a schema may hold once each reference stands for what it refers to.
pub const MAX_NODES: usize = 10_000;

/// How many references may follow each other. A validator follows them by recursion, and must not
/// run out of stack.
pub const MAX_REFERENCES_IN_A_ROW: usize = 64;

/// The most problems that are told at once.
pub const MAX_PROBLEMS: usize = 10;

/// What a schema that names its dialect must name.
pub const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Why a schema is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaProblem {
    /// JSON Pointer into the schema.
    pub pointer: String,
    /// What is wrong there, and what would be right.
    pub message: String,
}

/// Whether a task may have this schema, as far as bounds go.
///
/// # Errors
/// Up to [`MAX_PROBLEMS`] problems. One that is too long or too deep is not looked at further.
pub fn check(schema: &Value) -> Result<(), Vec<SchemaProblem>> {
    if let Some(problem) = too_deep(schema).or_else(|| too_long(schema)) {
        return Err(vec![problem]);
    }
    let inspected = inspection::inspect(schema);
    if !inspected.problems.is_empty() {
        return Err(inspected.problems);
    }
    match expansion::problem(schema, &inspected.anchors) {
        None => Ok(()),
        Some(problem) => Err(vec![problem]),
    }
}

impl SchemaProblem {
    fn at(place: &Place<'_>, message: impl Into<String>) -> Self {
        Self {
            pointer: place.to_string(),
            message: message.into(),
        }
    }
}

/// Goes no deeper than the bound, so that it cannot run out of stack either.
fn too_deep(schema: &Value) -> Option<SchemaProblem> {
    fn exceeds(value: &Value, left: usize) -> bool {
        match value {
            Value::Array(items) => left == 0 || items.iter().any(|item| exceeds(item, left - 1)),
            Value::Object(members) => {
                left == 0 || members.values().any(|member| exceeds(member, left - 1))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    exceeds(schema, MAX_DEPTH).then(|| {
        SchemaProblem::at(
            &Place::root(),
            format!("nests deeper than {MAX_DEPTH} levels"),
        )
    })
}

fn too_long(schema: &Value) -> Option<SchemaProblem> {
    let mut length = Length(0);
    let written = serde_json::to_writer(&mut length, schema);
    let bytes = length.0;
    (written.is_err() || bytes > MAX_BYTES).then(|| {
        SchemaProblem::at(
            &Place::root(),
            format!("must have {MAX_BYTES} bytes at most; it has {bytes}"),
        )
    })
}

/// Counts what is written and keeps nothing.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
