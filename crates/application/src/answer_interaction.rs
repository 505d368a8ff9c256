//! Answers what a run asks its person, or declines to.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use windlass_domain::id::RunId;
use windlass_domain::run::{Interaction, Refusal, RunCommand, RunState};

use crate::announce::Announcer;
use crate::command::command;
use crate::contents;
use crate::error::CallError;
use crate::ports::runs::RunView;
use crate::ports::{Runs, Vault};
use crate::problem::{Problem, ProblemKind, Resource};
use crate::write::{Write, Written};

/// The longest answer to a field, in characters.
const MAX_ANSWER_CHARACTERS: usize = 4_096;

/// What a person says to an interaction.
#[derive(Clone)]
pub enum Reply {
    /// Answers, by field.
    Answers(BTreeMap<String, SecretString>),
    /// They will not answer.
    Declined,
}

/// Answers what a run asks its person, or declines to.
pub struct AnswerInteraction {
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) announcer: Announcer,
}

impl AnswerInteraction {
    /// Checks the answers against what is asked, seals them, and lets the run go on.
    ///
    /// # Errors
    /// `NotFound`; `Refused(InteractionNotPending)`; each field that is missing or unknown.
    pub async fn execute(
        &self,
        write: Write,
        run_id: RunId,
        reply: Reply,
    ) -> Result<Written<RunView>, CallError> {
        let answer = match reply {
            Reply::Declined => RunCommand::Decline,
            Reply::Answers(answers) => self.answer(&write, run_id, answers).await?,
        };
        command(&*self.runs, &self.announcer, write, run_id, answer).await
    }

    async fn answer(
        &self,
        write: &Write,
        run_id: RunId,
        answers: BTreeMap<String, SecretString>,
    ) -> Result<RunCommand, CallError> {
        let view = self.runs.get(write.organization, run_id).await?;
        let run = view.ok_or(CallError::NotFound(Resource::TaskRun))?.run;
        let status = run.status();
        let vault = self.vault.of(write.organization.organization_id()).await?;
        let sealed = |answers: BTreeMap<String, SecretString>| {
            let answers: Vec<_> = answers.into_iter().collect();
            contents::seal_answers(&*vault, run_id, &answers)
        };
        match &run.state {
            RunState::InteractionRequired { interaction, .. } => {
                let problems = problems(interaction, &answers);
                if !problems.is_empty() {
                    return Err(CallError::Invalid(problems));
                }
                Ok(RunCommand::Answer {
                    answers: sealed(answers),
                })
            }
            // A repeated request with an idempotency key has its answer in the store; any other is
            // refused there as here.
            _ if write.idempotency.is_some() => Ok(RunCommand::Answer {
                answers: sealed(answers),
            }),
            _ => Err(Refusal::InteractionNotPending { status }.into()),
        }
    }
}

fn problems(interaction: &Interaction, answers: &BTreeMap<String, SecretString>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for field in &interaction.fields {
        let answer = answers.get(&field.name).map(ExposeSecret::expose_secret);
        // A blank answers nothing, and would use up one of the source's attempts.
        match answer.filter(|answer| !answer.trim().is_empty()) {
            None if field.required => problems.push(Problem::of(
                ProblemKind::Missing,
                &field.name,
                format!("`{}` is missing; the source asks for it.", field.name),
            )),
            Some(answer) if answer.chars().count() > MAX_ANSWER_CHARACTERS => {
                problems.push(Problem::of(
                    ProblemKind::Invalid,
                    &field.name,
                    format!(
                        "`{}` must have {MAX_ANSWER_CHARACTERS} characters at most.",
                        field.name
                    ),
                ));
            }
            Some(answer) => problems.extend(choice_problem(field, answer)),
            None => {}
        }
    }
    for name in answers.keys() {
        if !interaction.fields.iter().any(|field| field.name == *name) {
            let asked: Vec<String> = interaction
                .fields
                .iter()
                .map(|field| format!("`{}`", field.name))
                .collect();
            problems.push(Problem::of(
                ProblemKind::Unknown,
                name,
                format!(
                    "`{name}` is not asked for; the source asks for {}.",
                    asked.join(", ")
                ),
            ));
        }
    }
    problems
}

fn choice_problem(field: &windlass_domain::run::Field, answer: &str) -> Option<Problem> {
    let options = field.options.as_ref()?;
    if options.iter().any(|option| option.value == answer) {
        return None;
    }
    let allowed: Vec<String> = options
        .iter()
        .map(|option| format!("`{}`", option.value))
        .collect();
    Some(Problem::of(
        ProblemKind::Invalid,
        &field.name,
        format!("`{}` must be one of {}.", field.name, allowed.join(", ")),
    ))
}

#[cfg(test)]
mod tests;
