//! Asks the person that a run works for.

use std::collections::BTreeSet;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretSlice};
use windlass_domain::run::{Answered, Field, Interaction, Run, RunState, Status, WorkerCommand};

use super::held_runs::{HeldRuns, LeaseCall};
use crate::contents;
use crate::error::CallError;
use crate::ports::Vault;
use crate::problem::{Problem, ProblemKind};
use crate::random::random;

/// The longest checkpoint, in bytes. Source: docs/workers.md, "What an agent does".
pub const MAX_CHECKPOINT_BYTES: usize = 1024 * 1024;

/// The most fields of one question: more is a form, and no question.
const MAX_FIELDS: usize = 20;

/// The most choices of one field.
const MAX_OPTIONS: usize = 1000;

/// The longest type, and the longest name of a field, in characters.
const MAX_NAME_CHARACTERS: usize = 64;

/// The longest text that a person reads or chooses, in characters.
const MAX_TEXT_CHARACTERS: usize = 4000;

/// Asks the person that a run works for.
pub struct AskPerson {
    pub(super) held: HeldRuns,
    pub(super) vault: Arc<dyn Vault>,
}

/// What a person is asked.
#[derive(Clone)]
pub struct Question {
    /// Numbers the questions of this lease, from 1.
    pub attempt: u32,
    /// `mfa`, `security_question`, …
    pub kind: String,
    /// What the person is told.
    pub message: String,
    /// What the person is asked for.
    pub fields: Vec<Field>,
    /// Where another worker may go on, if this one is lost while it waits.
    pub checkpoint: Option<SecretSlice<u8>>,
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What the run asks, or has asked last; None where the agent should stop.
    pub interaction: Option<Interaction>,
    /// Whether the agent should stop.
    pub cancel: bool,
}

impl Asked {
    fn of(run: Run) -> Self {
        let cancel = run.status() == Status::Canceling;
        let interaction = match run.state {
            RunState::InteractionRequired { interaction, .. } => Some(interaction),
            RunState::Running { answered, .. } => {
                answered.map(|Answered { interaction, .. }| interaction)
            }
            RunState::Canceling { .. }
            | RunState::Queued { .. }
            | RunState::ReviewRequired { .. }
            | RunState::Completed
            | RunState::Failed { .. }
            | RunState::Canceled => None,
        };
        Self {
            interaction,
            cancel,
        }
    }
}

impl AskPerson {
    /// The run waits for the person. The same attempt again asks nobody twice.
    ///
    /// # Errors
    /// `Invalid`, with all that is wrong with the question; `NotFound`; `Refused(LeaseLost)`.
    pub async fn execute(&self, call: &LeaseCall, question: Question) -> Result<Asked, CallError> {
        let problems = problems(&question);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let checkpoint = match &question.checkpoint {
            Some(checkpoint) => {
                let vault = self.vault.of(call.organization.organization_id()).await?;
                let exposed = checkpoint.expose_secret();
                Some(contents::seal_checkpoint(&*vault, call.run_id, exposed))
            }
            None => None,
        };
        let interact = WorkerCommand::Interact {
            attempt: question.attempt,
            kind: question.kind,
            message: question.message,
            fields: question.fields,
            checkpoint,
            random: random(),
        };
        let run = self.held.say(call, interact, None).await?;
        Ok(Asked::of(run))
    }
}

fn problems(question: &Question) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut invalid = |field: &str, what: String| {
        let message = format!("`{field}` {what}.");
        problems.push(Problem::of(ProblemKind::Invalid, field, message));
    };
    if question.attempt == 0 {
        invalid("attempt", "must be 1 or more".to_owned());
    }
    if let Some(what) = not_between(&question.kind, MAX_NAME_CHARACTERS) {
        invalid("type", what);
    }
    if let Some(what) = not_between(&question.message, MAX_TEXT_CHARACTERS) {
        invalid("message", what);
    }
    let count = question.fields.len();
    if count > MAX_FIELDS {
        invalid(
            "fields",
            format!("must have {MAX_FIELDS} at most; it has {count}"),
        );
    }
    let mut names = BTreeSet::new();
    for (number, field) in question.fields.iter().enumerate() {
        let place = format!("fields.{number}");
        if let Some(what) = not_between(&field.name, MAX_NAME_CHARACTERS) {
            invalid(&format!("{place}.name"), what);
        }
        if !names.insert(&field.name) {
            invalid(
                &format!("{place}.name"),
                "is another field's name too".to_owned(),
            );
        }
        if let Some(what) = not_between(&field.kind, MAX_NAME_CHARACTERS) {
            invalid(&format!("{place}.type"), what);
        }
        if let Some(what) = not_between(&field.label, MAX_TEXT_CHARACTERS) {
            invalid(&format!("{place}.label"), what);
        }
        if let Some(what) = wrong_options(field) {
            invalid(&format!("{place}.options"), what);
        }
    }
    let checkpoint = question
        .checkpoint
        .as_ref()
        .map(ExposeSecret::expose_secret);
    if checkpoint.is_some_and(|checkpoint| checkpoint.len() > MAX_CHECKPOINT_BYTES) {
        invalid("checkpoint", "must have 1 MiB at most".to_owned());
    }
    problems
}

fn not_between(text: &str, most: usize) -> Option<String> {
    if text.trim().is_empty() || text.chars().nth(most).is_some() {
        Some(format!("must have 1 to {most} characters that show"))
    } else {
        None
    }
}

fn wrong_options(field: &Field) -> Option<String> {
    let options = field.options.as_ref()?;
    if !(1..=MAX_OPTIONS).contains(&options.len()) {
        return Some(format!("must be 1 to {MAX_OPTIONS} choices, or left out"));
    }
    options.iter().find_map(|option| {
        let label = option.label.as_deref().unwrap_or(&option.value);
        not_between(&option.value, MAX_TEXT_CHARACTERS)
            .or_else(|| not_between(label, MAX_TEXT_CHARACTERS))
    })
}

#[cfg(test)]
mod tests {
    use windlass_domain::run::FieldOption;

    use super::*;

    fn question() -> Question {
        Question {
            attempt: 1,
            kind: "mfa".to_owned(),
            message: "Enter the code.".to_owned(),
            fields: vec![field("code")],
            checkpoint: None,
        }
    }

    fn field(name: &str) -> Field {
        Field {
            name: name.to_owned(),
            kind: "string".to_owned(),
            label: "Code".to_owned(),
            options: None,
            required: true,
        }
    }

    #[test]
    fn a_plain_question_has_no_problems() {
        assert_eq!(problems(&question()), []);
    }

    #[test]
    fn an_approval_needs_no_field() {
        let question = Question {
            kind: "approval".to_owned(),
            fields: Vec::new(),
            ..question()
        };

        assert_eq!(problems(&question), []);
    }

    #[test]
    fn all_that_is_wrong_with_a_question_is_told_at_once() {
        let nothing_to_choose = Field {
            options: Some(vec![]),
            ..field("account")
        };
        let blank_choice = Field {
            options: Some(vec![FieldOption {
                value: " ".to_owned(),
                label: None,
            }]),
            ..field("plan")
        };
        let question = Question {
            attempt: 0,
            kind: String::new(),
            message: "x".repeat(MAX_TEXT_CHARACTERS + 1),
            fields: vec![
                field("code"),
                field("code"),
                nothing_to_choose,
                blank_choice,
            ],
            checkpoint: Some(vec![0; MAX_CHECKPOINT_BYTES + 1].into()),
        };

        let problems = problems(&question);

        let fields: Vec<_> = problems
            .iter()
            .filter_map(|it| it.field.as_deref())
            .collect();
        let expected = [
            "attempt",
            "type",
            "message",
            "fields.1.name",
            "fields.2.options",
            "fields.3.options",
            "checkpoint",
        ];
        assert_eq!(fields, expected);
    }
}
