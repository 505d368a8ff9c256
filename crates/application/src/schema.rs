//! Schemas of tasks: whether a task may have one, and what a value breaks in it. Each is compiled
//! once per task version. Source: docs/lifecycle.md, "Schemas".

use std::sync::Arc;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use moka::sync::Cache;
use serde_json::Value;
use windlass_domain::id::{OrganizationId, TaskId};
use windlass_domain::run::{ErrorCode, RunError};
use windlass_domain::schema;
use windlass_domain::task::Task;

use crate::problem::{Problem, ProblemKind, shortened, with_article};

/// The most problems that are told at once of a value that a caller gives, who mends all of them.
const MAX_PROBLEMS: usize = 100;

/// The most that are told of what an agent gives: they stay with the run.
const MAX_ERRORS: usize = 10;

/// How many compiled schemas are kept. One takes some ten kilobytes, at its bounds a few megabytes.
const MAX_COMPILED: u64 = 1_000;

/// How much a compiled pattern may take, in bytes.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;

/// Compiled schemas of task versions.
pub struct Schemas {
    compiled: Cache<Key, Arc<Validator>>,
}

/// Names one schema for good: versions never change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    organization_id: OrganizationId,
    task_id: TaskId,
    version: u32,
    /// When that task was made: its id may be chosen again after it was deleted.
    created_at: i64,
    side: Side,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Input,
    Output,
    Extraction,
    Deduplication,
}

impl Default for Schemas {
    fn default() -> Self {
        Self {
            compiled: Cache::new(MAX_COMPILED),
        }
    }
}

impl Schemas {
    /// What an input breaks in the task's input schema.
    pub fn input_problems(
        &self,
        organization_id: OrganizationId,
        task: &Task,
        input: &Value,
    ) -> Vec<Problem> {
        let found = self.findings(organization_id, task, Side::Input, input, MAX_PROBLEMS);
        match found {
            Ok(found) => found.into_iter().map(Finding::into_problem).collect(),
            Err(message) => vec![Problem::of(ProblemKind::Invalid, "input", message)],
        }
    }

    /// What an output that a caller gives breaks in the task's output schema.
    pub fn output_problems(
        &self,
        organization_id: OrganizationId,
        task: &Task,
        output: &Value,
    ) -> Vec<Problem> {
        let found = self.findings(organization_id, task, Side::Output, output, MAX_PROBLEMS);
        match found {
            Ok(found) => found.into_iter().map(Finding::into_problem).collect(),
            Err(message) => vec![Problem::of(ProblemKind::Invalid, "output", message)],
        }
    }

    /// What the output of a run breaks in its task's output schema.
    pub fn output_errors(
        &self,
        organization_id: OrganizationId,
        task: &Task,
        output: &Value,
    ) -> Vec<RunError> {
        let found = self.findings(organization_id, task, Side::Output, output, MAX_ERRORS);
        match found {
            Ok(found) => found.into_iter().map(Finding::into_run_error).collect(),
            Err(message) => vec![RunError::new(ErrorCode::OutputInvalid, message)],
        }
    }

    /// What data that was taken out of a file breaks in the task's extraction schema, in sentences
    /// that do not hold the data.
    pub fn extraction_problems(
        &self,
        organization_id: OrganizationId,
        task: &Task,
        data: &Value,
    ) -> Vec<String> {
        let found = self.findings(organization_id, task, Side::Extraction, data, MAX_ERRORS);
        match found {
            Ok(found) => found.iter().map(Finding::sentence).collect(),
            Err(message) => vec![message],
        }
    }

    /// Whether these are fields that the task's deduplication schema allows.
    pub fn allows_fields(
        &self,
        organization_id: OrganizationId,
        task: &Task,
        fields: &Value,
    ) -> bool {
        self.findings(organization_id, task, Side::Deduplication, fields, 1)
            .is_ok_and(|found| found.is_empty())
    }

    /// What a value breaks in one of the task's schemas: so many problems at most.
    fn findings(
        &self,
        organization_id: OrganizationId,
        task: &Task,
        side: Side,
        value: &Value,
        most: usize,
    ) -> Result<Vec<Finding>, String> {
        let storage = task.storage.as_ref();
        let schema = match side {
            Side::Input => task.input_schema.as_ref(),
            Side::Output => task.output_schema.as_ref(),
            Side::Extraction => storage.and_then(|storage| storage.extraction_schema.as_ref()),
            Side::Deduplication => {
                storage.and_then(|storage| storage.deduplication_schema.as_ref())
            }
        };
        let Some(schema) = schema else {
            return Ok(Vec::new());
        };
        let validator = self.validator(organization_id, task, side, schema)?;
        // Nearly every value is, and to find that out costs a part of what a walk that names problems does.
        if validator.is_valid(value) {
            return Ok(Vec::new());
        }
        let found = validator.iter_errors(value);
        let found = found.flat_map(|error| findings(&error));
        Ok(found.take(most).collect())
    }

    fn validator(
        &self,
        organization_id: OrganizationId,
        task: &Task,
        side: Side,
        schema: &Value,
    ) -> Result<Arc<Validator>, String> {
        let key = Key {
            organization_id,
            task_id: task.id.clone(),
            version: task.version,
            created_at: task.created_at.millis(),
            side,
        };
        self.compiled
            .try_get_with(key, || compile(schema).map(Arc::new))
            .map_err(|message| message.as_ref().clone())
    }
}

/// Why a task must not have this schema; empty where it may. `field` names the schema in the body.
pub fn schema_problems(field: &str, schema: &Value) -> Vec<Problem> {
    let found = match schema::check(schema) {
        Err(problems) => problems
            .into_iter()
            .map(|problem| (problem.pointer, problem.message))
            .collect(),
        Ok(()) => match compile(schema) {
            Ok(_) => Vec::new(),
            Err(message) => vec![(String::new(), message)],
        },
    };
    found
        .into_iter()
        .map(|(pointer, message)| {
            let place = if pointer.is_empty() {
                String::new()
            } else {
                format!(" at `{}`", shortened(&pointer))
            };
            Problem::of(
                ProblemKind::SchemaInvalid,
                field,
                format!("`{field}`{place}: {message}."),
            )
        })
        .collect()
}

/// Within the bounds of [`schema::check`]; a validator has no others.
fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::draft202012::options()
        .should_validate_formats(false)
        .with_pattern_options(
            PatternOptions::regex()
                .size_limit(MAX_PATTERN_BYTES)
                .dfa_size_limit(MAX_PATTERN_BYTES),
        )
        .offline()
        .build(schema)
        .map_err(|error| {
            let keyword = error.kind().keyword();
            let place = match error.instance_path().as_str() {
                "" => String::new(),
                pointer => format!("at `{}`, ", shortened(pointer)),
            };
            format!("is not valid JSON Schema 2020-12 ({place}by `{keyword}`)")
        })
}

/// One thing that a value breaks. Never holds the value: it may be a secret.
struct Finding {
    kind: ProblemKind,
    pointer: String,
    what: String,
}

impl Finding {
    fn sentence(&self) -> String {
        if self.pointer.is_empty() {
            format!("The value {}.", self.what)
        } else {
            format!("`{}` {}.", self.pointer, self.what)
        }
    }

    fn into_problem(self) -> Problem {
        let message = self.sentence();
        Problem::of(self.kind, self.pointer, message)
    }

    fn into_run_error(self) -> RunError {
        RunError {
            code: ErrorCode::OutputInvalid,
            message: self.sentence(),
            field: Some(self.pointer),
        }
    }
}

fn findings(error: &ValidationError<'_>) -> Vec<Finding> {
    let pointer = error.instance_path().to_string();
    let finding = |what: String| Finding {
        kind: ProblemKind::Invalid,
        pointer: shortened(&pointer).into_owned(),
        what,
    };
    let unknown = |names: &[String]| {
        names
            .iter()
            .map(|name| Finding {
                kind: ProblemKind::Unknown,
                pointer: child(&pointer, name),
                what: "is not a property that the schema knows".to_owned(),
            })
            .collect()
    };
    match error.kind() {
        ValidationErrorKind::Required { property } => vec![Finding {
            kind: ProblemKind::Missing,
            pointer: child(&pointer, property.as_str().unwrap_or_default()),
            what: "is missing".to_owned(),
        }],
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unknown(unexpected),
        ValidationErrorKind::Type { kind } => vec![finding(format!(
            "must be {}; it is {}",
            wanted(kind),
            with_article(type_of(error.instance()))
        ))],
        ValidationErrorKind::Enum { options } => vec![finding(format!(
            "must be one of {}",
            shortened(&options.to_string())
        ))],
        ValidationErrorKind::Constant { expected_value } => {
            vec![finding(format!(
                "must be {}",
                shortened(&expected_value.to_string())
            ))]
        }
        ValidationErrorKind::Pattern { pattern } => {
            vec![finding(format!(
                "must match the pattern `{}`",
                shortened(pattern)
            ))]
        }
        ValidationErrorKind::MinLength { limit } => {
            vec![finding(format!("must have at least {limit} characters"))]
        }
        ValidationErrorKind::MaxLength { limit } => {
            vec![finding(format!("must have at most {limit} characters"))]
        }
        ValidationErrorKind::MinItems { limit } => {
            vec![finding(format!("must have at least {limit} items"))]
        }
        ValidationErrorKind::MaxItems { limit } => {
            vec![finding(format!("must have at most {limit} items"))]
        }
        ValidationErrorKind::Minimum { limit } => {
            vec![finding(format!("must be at least {limit}"))]
        }
        ValidationErrorKind::Maximum { limit } => vec![finding(format!("must be at most {limit}"))],
        ValidationErrorKind::ExclusiveMinimum { limit } => {
            vec![finding(format!("must be more than {limit}"))]
        }
        ValidationErrorKind::ExclusiveMaximum { limit } => {
            vec![finding(format!("must be less than {limit}"))]
        }
        other => vec![finding(format!(
            "breaks the schema's `{}`",
            other.keyword()
        ))],
    }
}

/// RFC 6901, section 3.
fn child(pointer: &str, name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    shortened(&format!("{pointer}/{name}")).into_owned()
}

fn wanted(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => with_article(&one.to_string()),
        TypeKind::Multiple(several) => several
            .iter()
            .map(|one| with_article(&one.to_string()))
            .collect::<Vec<_>>()
            .join(" or "),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests;
