//! Answers what a run asks its person, or declines to.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use windlass_domain::id::{InteractionId, RunId};
use windlass_domain::run::{Interaction, Refusal, Run, RunCommand, RunState};

use crate::announce::Announcer;
use crate::command::command;
use crate::contents;
use crate::error::CallError;
use crate::ports::runs::RunView;
use crate::ports::{Runs, Vault};
use crate::problem::{Problem, ProblemKind, Resource};
use crate::random::random;
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
        match reply {
            Reply::Declined => self.command(write, run_id, RunCommand::Decline).await,
            Reply::Answers(answers) => self.answer(write, run_id, answers).await,
        }
    }

    async fn answer(
        &self,
        write: Write,
        run_id: RunId,
        answers: BTreeMap<String, SecretString>,
    ) -> Result<Written<RunView>, CallError> {
        let view = self.runs.get(write.organization, run_id).await?;
        let run = view.ok_or(CallError::NotFound(Resource::TaskRun))?.run;
        let refused = match asked(&run, &answers) {
            Ok(interaction_id) => {
                let answer = self.sealed(&write, run_id, interaction_id, answers).await?;
                return self.command(write, run_id, answer).await;
            }
            Err(refused) if write.idempotency.is_none() => return Err(refused),
            Err(refused) => refused,
        };
        // A repeated request was right when the store kept its answer; one that is none answers a
        // question that was never asked, and changes nothing.
        let unasked = InteractionId::new(run.updated_at, random());
        let answer = self.sealed(&write, run_id, unasked, answers).await?;
        match self.command(write, run_id, answer).await {
            Err(CallError::Refused(_)) => Err(refused),
            otherwise => otherwise,
        }
    }

    async fn sealed(
        &self,
        write: &Write,
        run_id: RunId,
        interaction_id: InteractionId,
        mut answers: BTreeMap<String, SecretString>,
    ) -> Result<RunCommand, CallError> {
        let vault = self.vault.of(write.organization.organization_id()).await?;
        answers.retain(|_, answer| !is_blank(answer.expose_secret()));
        let answers: Vec<_> = answers.into_iter().collect();
        Ok(RunCommand::Answer {
            interaction_id,
            answers: contents::seal_answers(&*vault, run_id, &answers),
        })
    }

    async fn command(
        &self,
        write: Write,
        run_id: RunId,
        answer: RunCommand,
    ) -> Result<Written<RunView>, CallError> {
        command(&*self.runs, &self.announcer, write, run_id, answer).await
    }
}

/// The question that these answers answer.
fn asked(run: &Run, answers: &BTreeMap<String, SecretString>) -> Result<InteractionId, CallError> {
    let RunState::InteractionRequired { interaction, .. } = &run.state else {
        let status = run.status();
        return Err(Refusal::InteractionNotPending { status }.into());
    };
    let problems = problems(interaction, answers);
    if problems.is_empty() {
        Ok(interaction.id)
    } else {
        Err(CallError::Invalid(problems))
    }
}

fn problems(interaction: &Interaction, answers: &BTreeMap<String, SecretString>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for field in &interaction.fields {
        let answer = answers.get(&field.name).map(ExposeSecret::expose_secret);
        match answer.filter(|answer| !is_blank(answer)) {
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
            problems.push(Problem::of(
                ProblemKind::Unknown,
                name,
                format!(
                    "`{name}` is not asked for; the source asks for {}.",
                    asked_for(interaction)
                ),
            ));
        }
    }
    problems
}

/// What the source asks for, in words.
fn asked_for(interaction: &Interaction) -> String {
    let names = interaction
        .fields
        .iter()
        .map(|field| format!("`{}`", field.name));
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        "no value: an empty `input` answers it".to_owned()
    } else {
        names.join(", ")
    }
}

/// A blank answers nothing, and would use up one of the source's attempts.
fn is_blank(answer: &str) -> bool {
    answer.trim().is_empty()
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
