//! `answer`: a person answers, and the worker goes on.

use super::Transition;
use crate::id::InteractionId;
use crate::run::{Answered, Interaction, Lease, Refusal, Run, RunState};
use crate::sealed::Sealed;
use crate::time::Timestamp;

pub(super) fn apply(
    run: &Run,
    interaction_id: InteractionId,
    answers: Sealed,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::InteractionRequired {
            lease, interaction, ..
        } if interaction.id == interaction_id => {
            Ok(go_on(run, lease, interaction, Some(answers), now))
        }
        // Asked meanwhile: by the same agent after a wrong code, or by the next one.
        RunState::InteractionRequired { interaction, .. } => Err(Refusal::OtherInteraction {
            pending: interaction.id,
        }),
        RunState::Queued { .. }
        | RunState::Running { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => Err(Refusal::InteractionNotPending {
            status: run.status(),
        }),
    }
}

/// The run is running again, whoever resolved the question; an activity.
pub(super) fn go_on(
    run: &Run,
    lease: &Lease,
    interaction: &Interaction,
    answers: Option<Sealed>,
    now: Timestamp,
) -> Transition {
    let state = RunState::Running {
        lease: lease.clone(),
        active_at: now.following(run.updated_at),
        answered: Some(Answered {
            interaction: interaction.clone(),
            answers,
        }),
    };
    Transition::to(run, state, now)
}
