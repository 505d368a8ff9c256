//! `session_ended`: the caller ended the session that the run is in, or waits for.

use std::time::Duration;

use super::Transition;
use super::cancel::canceling;
use crate::run::{Refusal, Run, RunState};
use crate::time::Timestamp;

pub(super) fn apply(run: &Run, grace: Duration, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::Queued { .. } => Ok(Transition::canceled_at_once(run, now)),
        RunState::Running { lease, .. } | RunState::InteractionRequired { lease, .. } => {
            Ok(canceling(run, lease, grace, now))
        }
        RunState::Canceling { .. } => Ok(Transition::unchanged(run)),
        RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => Err(Refusal::NotCancelable {
            status: run.status(),
        }),
    }
}
