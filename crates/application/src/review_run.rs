//! Reviews the output of a run: it counts, corrected or as it is, or it does not.

use std::sync::Arc;

use serde_json::Value;
use windlass_domain::id::RunId;
use windlass_domain::run::RunCommand;

use crate::announce::Announcer;
use crate::command::command;
use crate::error::CallError;
use crate::field;
use crate::ports::runs::RunView;
use crate::ports::{Runs, Tasks};
use crate::problem::{Problem, ProblemKind, Resource, with_form};
use crate::schema::Schemas;
use crate::write::{Write, Written};

/// The longest reason, in characters: as long as an agent's own errors may be.
const MAX_REASON_CHARACTERS: usize = 4_000;

/// What a person says of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It counts.
    Approve,
    /// It does not.
    Reject,
}

/// A review as its caller gives it.
#[derive(Debug, Clone)]
pub struct Review {
    /// Whether the output counts.
    pub decision: Decision,
    /// The corrected output; with `approve` alone.
    pub output: Option<Value>,
    /// Why the output does not count; with `reject` alone.
    pub reason: Option<String>,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Reviews the output of a run.
pub struct ReviewRun {
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) announcer: Announcer,
}

impl ReviewRun {
    /// Completes the run, with a corrected output once that was checked, or fails it.
    ///
    /// # Errors
    /// `NotFound`; all that is wrong with the review, what a corrected output breaks in the schema
    /// of the run's task version among it; `Refused(NotReviewable)`.
    pub async fn execute(
        &self,
        write: Write,
        run_id: RunId,
        review: Review,
    ) -> Result<Written<RunView>, CallError> {
        let mut problems = problems(&review);
        if let Some(output) = &review.output {
            problems.extend(self.output_problems(&write, run_id, output).await?);
        }
        let reason = field::bounded(
            "reason",
            review.reason,
            MAX_REASON_CHARACTERS,
            &mut problems,
        );
        let problems = with_form(review.wrong, problems);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let decided = match review.decision {
            Decision::Approve => RunCommand::Approve {
                output: review.output,
            },
            Decision::Reject => RunCommand::Reject { reason },
        };
        command(&*self.runs, &self.announcer, write, run_id, decided).await
    }

    /// Whatever the run's status: a repeated request has its answer in the store.
    async fn output_problems(
        &self,
        write: &Write,
        run_id: RunId,
        output: &Value,
    ) -> Result<Vec<Problem>, CallError> {
        let organization = write.organization;
        let view = self.runs.get(organization, run_id).await?;
        let run = view.ok_or(CallError::NotFound(Resource::TaskRun))?.run;
        let task = self
            .tasks
            .get_version(organization, &run.task_id, run.task_version)
            .await?
            .ok_or(CallError::NotFound(Resource::Task))?;
        let owner = organization.organization_id();
        Ok(self.schemas.output_problems(owner, &task, output))
    }
}

/// What does not go together.
fn problems(review: &Review) -> Vec<Problem> {
    let decision_is_wrong = |problem: &Problem| problem.field.as_deref() == Some("decision");
    // Without a decision, what goes with it is not known.
    if review.wrong.iter().any(decision_is_wrong) {
        return Vec::new();
    }
    let stray = match review.decision {
        Decision::Approve if review.reason.is_some() => Some(("reason", "reject")),
        Decision::Reject if review.output.is_some() => Some(("output", "approve")),
        Decision::Approve | Decision::Reject => None,
    };
    let mut problems: Vec<Problem> = stray
        .into_iter()
        .map(|(field, decision)| {
            let message = format!("`{field}` goes with `decision` `{decision}` alone.");
            Problem::of(ProblemKind::Invalid, field, message)
        })
        .collect();
    let reason = review.reason.as_deref();
    if reason.is_some_and(|reason| reason.trim().is_empty()) {
        let message = "`reason` must say something, or be left out.";
        problems.push(Problem::of(ProblemKind::Invalid, "reason", message));
    }
    problems
}

#[cfg(test)]
mod tests;
