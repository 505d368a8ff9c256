//! `session_failed`: the session that a run waits for is gone.

use super::Transition;
use crate::run::{ErrorCode, Refusal, Run, RunError, RunState};
use crate::time::Timestamp;

pub(super) fn apply(run: &Run, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::Queued { .. } => {
            let error = RunError::new(
                ErrorCode::SessionFailed,
                "The session that the run was to run in is gone; start it again without `session_id`.",
            );
            Ok(Transition::failed(run, error, now))
        }
        RunState::Running { .. }
        | RunState::InteractionRequired { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => Err(Refusal::NotDue {
            status: run.status(),
        }),
    }
}
