//! `renew`: the worker is alive. No activity: a worker that is alive but stuck still times out.

use std::time::Duration;

use super::Transition;
use crate::run::{Lease, Refusal, Run, RunState};
use crate::time::Timestamp;

pub(super) fn apply(run: &Run, length: Duration, now: Timestamp) -> Result<Transition, Refusal> {
    let mut next = run.clone();
    match &mut next.state {
        RunState::Running { lease, .. }
        | RunState::InteractionRequired { lease, .. }
        | RunState::Canceling { lease, .. } => {
            extend(lease, now + length);
            Ok(Transition::saved(next))
        }
        RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => Err(Refusal::RunNotRunning {
            status: run.status(),
        }),
    }
}

/// Renewals may overtake each other: one that comes late shortens nothing.
fn extend(lease: &mut Lease, expires_at: Timestamp) {
    lease.expires_at = lease.expires_at.max(expires_at);
}
