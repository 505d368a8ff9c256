//! Ends the execution of a run.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretSlice};
use serde_json::{Map, Value};
use windlass_domain::run::{
    AfterRun, CredentialReport, Finish, FinishOutcome, Run, RunError, Status, WorkerCommand,
};
use windlass_domain::sealed::Sealed;

use super::finish_digest::digest;
use super::held_runs::{HeldRuns, LeaseCall};
use super::report_progress::kept;
use crate::contents;
use crate::error::CallError;
use crate::ports::runs::ProgressLine;
use crate::ports::{Tasks, Vault};
use crate::problem::{Problem, ProblemKind, Resource};
use crate::schema::Schemas;

/// The largest output, in bytes of JSON.
pub const MAX_OUTPUT_BYTES: usize = 1024 * 1024;

/// The longest login, in bytes: some hundred cookies of a usual length. Source: docs/workers.md,
/// "What an agent does".
pub const MAX_LOGIN_BYTES: usize = 256 * 1024;

/// The most errors of a failure.
const MAX_ERRORS: usize = 10;

/// The longest message of an error, in characters.
const MAX_MESSAGE_CHARACTERS: usize = 4000;

/// The longest place in an output that an error names, in characters.
const MAX_FIELD_CHARACTERS: usize = 1000;

/// Ends the execution of a run.
pub struct FinishRun {
    pub(super) held: HeldRuns,
    pub(super) tasks: Arc<dyn Tasks>,
    pub(super) schemas: Arc<Schemas>,
    pub(super) vault: Arc<dyn Vault>,
}

/// How execution ended, in the worker's words.
#[derive(Clone)]
pub struct FinishReport {
    /// The output, or what went wrong.
    pub result: Result<Value, Vec<RunError>>,
    /// What the source said of the credential.
    pub credential: Option<CredentialReport>,
    /// Whether the worker keeps the session.
    pub session: AfterRun,
    /// What the source knows the person by who is logged in, such as cookies.
    pub login: Option<SecretSlice<u8>>,
}

impl FinishRun {
    /// Checks the output against the schema of the run's task version, and ends the execution. The
    /// same content again under the same epoch gets the same answer.
    ///
    /// # Errors
    /// `Invalid` where the failure has no errors or the output is too large; `NotFound`;
    /// `Refused(LeaseLost)`; `Refused(RunNotRunning)` for a success while a person is asked.
    pub async fn execute(
        &self,
        call: &LeaseCall,
        report: FinishReport,
    ) -> Result<Status, CallError> {
        self.with_progress(call, report, Vec::new()).await
    }

    /// The same, and these lines come into the run's timeline with it: once more where the finish is
    /// said again with them.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn with_progress(
        &self,
        call: &LeaseCall,
        report: FinishReport,
        lines: Vec<ProgressLine>,
    ) -> Result<Status, CallError> {
        let problems = problems(&report);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let digest = digest(&report);
        // Whatever its status now: it may change until the finish is decided. What is looked at here
        // never does.
        let run = self.held.find(call).await?;
        let login = match &report.login {
            Some(login) => self.sealed(&run, login).await?,
            None => None,
        };
        let outcome = match report.result {
            Ok(output) => self.checked(call, &run, output).await?,
            Err(errors) => FinishOutcome::Failure { errors },
        };
        let finish = WorkerCommand::Finish(Finish {
            digest,
            outcome,
            credential: report.credential,
            session: report.session,
            login,
        });
        let run = self.held.say(call, finish, kept(lines)).await?;
        Ok(run.status())
    }

    /// None where the run has no credential that it could be saved with.
    async fn sealed(
        &self,
        run: &Run,
        login: &SecretSlice<u8>,
    ) -> Result<Option<Sealed>, CallError> {
        let Some(credential_id) = run.credential_id else {
            return Ok(None);
        };
        let vault = self.vault.of(run.organization_id).await?;
        let login = login.expose_secret();
        Ok(Some(contents::seal_login(&*vault, credential_id, login)))
    }

    async fn checked(
        &self,
        call: &LeaseCall,
        run: &Run,
        output: Value,
    ) -> Result<FinishOutcome, CallError> {
        let output = match output {
            Value::Null => Value::Object(Map::new()),
            output => output,
        };
        let task = self
            .tasks
            .get_version(call.organization, &run.task_id, run.task_version)
            .await?
            .ok_or(CallError::NotFound(Resource::Task))?;
        let owner = call.organization.organization_id();
        let errors = self.schemas.output_errors(owner, &task, &output);
        Ok(if errors.is_empty() {
            FinishOutcome::Success { output }
        } else {
            FinishOutcome::OutputInvalid { errors }
        })
    }
}

fn problems(report: &FinishReport) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut invalid = |field: &str, what: String| {
        let message = format!("`{field}` {what}.");
        problems.push(Problem::of(ProblemKind::Invalid, field, message));
    };
    match &report.result {
        Ok(output) => {
            let length = output.to_string().len();
            if length > MAX_OUTPUT_BYTES {
                invalid(
                    "output",
                    format!("must have 1 MiB at most; it has {length} bytes"),
                );
            }
        }
        Err(errors) => {
            if !(1..=MAX_ERRORS).contains(&errors.len()) {
                let count = errors.len();
                invalid(
                    "errors",
                    format!("must be 1 to {MAX_ERRORS}; there are {count}"),
                );
            }
            for (number, error) in errors.iter().enumerate() {
                let is_long = error.message.chars().nth(MAX_MESSAGE_CHARACTERS).is_some();
                if error.message.trim().is_empty() || is_long {
                    let field = format!("errors.{number}.message");
                    invalid(
                        &field,
                        format!("must have 1 to {MAX_MESSAGE_CHARACTERS} characters"),
                    );
                }
                if error.field.as_deref().is_some_and(|it| !is_pointer(it)) {
                    let field = format!("errors.{number}.field");
                    let what = "must be a JSON Pointer (RFC 6901)";
                    invalid(
                        &field,
                        format!("{what} of at most {MAX_FIELD_CHARACTERS} characters"),
                    );
                }
            }
        }
    }
    let login = report.login.as_ref().map(ExposeSecret::expose_secret);
    if login.is_some_and(|login| login.len() > MAX_LOGIN_BYTES) {
        invalid("login", "must have 256 KiB at most".to_owned());
    }
    problems
}

/// Whether this is a JSON Pointer of a length that is shown.
fn is_pointer(text: &str) -> bool {
    let mut escapes = text.split('~').skip(1);
    (text.is_empty() || text.starts_with('/'))
        && escapes.all(|rest| rest.starts_with(['0', '1']))
        && text.chars().nth(MAX_FIELD_CHARACTERS).is_none()
}

#[cfg(test)]
mod tests;
