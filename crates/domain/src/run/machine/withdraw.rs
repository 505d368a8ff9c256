//! `withdraw`: the source went on by itself, such as a login that was approved on the phone.

use super::Transition;
use super::answer::go_on;
use crate::run::{Refusal, Run, RunState};
use crate::time::Timestamp;

pub(super) fn apply(run: &Run, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::InteractionRequired {
            lease, interaction, ..
        } => Ok(go_on(run, lease, interaction, None, now)),
        // An answer crossed it on the way, or it was heard already.
        RunState::Running {
            answered: Some(_), ..
        } => Ok(Transition::unchanged(run)),
        RunState::Running { answered: None, .. }
        | RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => Err(Refusal::RunNotRunning {
            status: run.status(),
        }),
    }
}
