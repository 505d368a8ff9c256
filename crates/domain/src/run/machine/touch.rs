//! `touch`: progress, a screenshot or a file. An activity, no status.

use super::Transition;
use super::begin::begun;
use crate::run::{Refusal, Run, RunState};
use crate::time::Timestamp;

pub(super) fn apply(run: &Run, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::Running {
            lease,
            active_at,
            answered,
        } => {
            let mut next = run.clone();
            next.state = RunState::Running {
                lease: begun(&mut next, lease),
                active_at: now.max(*active_at),
                answered: answered.clone(),
            };
            Ok(Transition::saved(next))
        }
        // The interaction clock runs alone, and no activity moves it. Once cancel was accepted
        // nothing counts.
        RunState::InteractionRequired { .. } | RunState::Canceling { .. } => {
            Ok(Transition::unchanged(run))
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
