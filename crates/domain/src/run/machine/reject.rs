//! `reject`: a person rejects the output.

use super::Transition;
use crate::run::{ErrorCode, Refusal, Run, RunError, RunState};
use crate::time::Timestamp;

pub(super) fn apply(
    run: &Run,
    reason: Option<String>,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::ReviewRequired { .. } => {
            let message = reason.unwrap_or_else(|| "The review rejected the output.".to_owned());
            let error = RunError::new(ErrorCode::ReviewRejected, message);
            Ok(Transition::failed(run, error, now))
        }
        RunState::Queued { .. }
        | RunState::Running { .. }
        | RunState::InteractionRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => Err(Refusal::NotReviewable {
            status: run.status(),
        }),
    }
}
