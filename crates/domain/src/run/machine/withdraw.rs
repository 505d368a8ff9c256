//! `withdraw`: the source went on by itself, such as a login that was approved on the phone.

use super::Transition;
use super::answer::go_on;
use crate::run::{Answered, Refusal, Run, RunState};
use crate::time::Timestamp;

pub(super) fn apply(
    run: &Run,
    attempt: Option<u32>,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::InteractionRequired {
            lease, interaction, ..
        } if attempt.is_none_or(|it| it == interaction.attempt) => {
            Ok(go_on(run, lease, interaction, None, now))
        }
        // It was heard already, and another question has followed.
        RunState::InteractionRequired { interaction, .. }
        // An answer crossed it on the way, or it was heard already.
        | RunState::Running {
            answered: Some(Answered { interaction, .. }),
            ..
        } if attempt.is_none_or(|it| it <= interaction.attempt) => Ok(Transition::unchanged(run)),
        // Nobody is asked any more: the answer says that the run is being canceled.
        RunState::Canceling { .. } => Ok(Transition::unchanged(run)),
        // Of a question that was not heard yet its worker must know.
        RunState::Running { .. }
        | RunState::InteractionRequired { .. }
        | RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => Err(Refusal::RunNotRunning {
            status: run.status(),
        }),
    }
}
