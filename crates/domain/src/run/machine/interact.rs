//! `interact`: the source asks the user for something. The lease stays with the worker.

use super::Transition;
use super::begin::begun;
use crate::id::{InteractionId, Random};
use crate::run::{Answered, Field, Interaction, Lease, Refusal, Run, RunState};
use crate::sealed::Sealed;
use crate::time::Timestamp;

/// What a worker asks.
pub(super) struct Question {
    pub(super) attempt: u32,
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) fields: Vec<Field>,
    pub(super) checkpoint: Option<Sealed>,
    pub(super) random: Random,
}

pub(super) fn apply(run: &Run, question: Question, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        // The worker numbers its attempts, so that a repeated call asks nobody twice.
        RunState::Running {
            answered: Some(Answered { interaction, .. }),
            ..
        }
        | RunState::InteractionRequired { interaction, .. }
            if question.attempt <= interaction.attempt =>
        {
            Ok(Transition::unchanged(run))
        }
        RunState::Running { lease, .. } => Ok(raise(run, lease, question, now)),
        // Nothing is saved: the answer says that the run is being canceled.
        RunState::Canceling { .. } => Ok(Transition::unchanged(run)),
        RunState::InteractionRequired { .. }
        | RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => Err(Refusal::RunNotRunning {
            status: run.status(),
        }),
    }
}

fn raise(run: &Run, lease: &Lease, question: Question, now: Timestamp) -> Transition {
    let at = now.following(run.updated_at);
    let mut next = run.clone();
    let state = RunState::InteractionRequired {
        lease: begun(&mut next, lease),
        interaction: Interaction {
            id: InteractionId::new(at, question.random),
            kind: question.kind,
            message: question.message,
            fields: question.fields,
            attempt: question.attempt,
            created_at: at,
            expires_at: at + run.settings.interaction_timeout,
        },
        checkpoint: question.checkpoint,
    };
    Transition::to(&next, state, now)
}
