//! `decline`: a person refuses to answer.

use super::Transition;
use crate::run::{ErrorCode, Refusal, Run, RunError, RunState};
use crate::time::Timestamp;

pub(super) fn apply(run: &Run, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::InteractionRequired { lease, .. } => {
            let error = RunError::new(
                ErrorCode::InteractionDeclined,
                "The user declined to answer.",
            );
            Ok(Transition::failed(run, error, now).forced(lease.holder))
        }
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
