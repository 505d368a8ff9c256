//! `cancel`: the caller stops a run.

use std::time::Duration;

use super::{ForSession, Transition};
use crate::run::{Lease, Refusal, Run, RunState};
use crate::time::Timestamp;

pub(super) fn apply(run: &Run, grace: Duration, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::Queued { .. } => {
            Ok(Transition::canceled_at_once(run, now).for_session(ForSession::NotAwaited))
        }
        RunState::Running { lease, .. } => Ok(canceling(run, lease, grace, now)),
        // A caller that retries must not get an error for having been heard the first time.
        RunState::Canceling { .. } | RunState::Canceled => Ok(Transition::unchanged(run)),
        RunState::InteractionRequired { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. } => Err(Refusal::NotCancelable {
            status: run.status(),
        }),
    }
}

/// The worker is told to stop, and has `grace` to say that it has.
pub(super) fn canceling(run: &Run, lease: &Lease, grace: Duration, now: Timestamp) -> Transition {
    let state = RunState::Canceling {
        lease: lease.clone(),
        grace_ends_at: now.following(run.updated_at) + grace,
    };
    Transition::to(run, state, now).stop(lease.holder)
}
