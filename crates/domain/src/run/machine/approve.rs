//! `approve`: a person accepts the output, or a corrected one.

use serde_json::Value;

use super::Transition;
use crate::run::{Refusal, Run, RunState};
use crate::time::Timestamp;

pub(super) fn apply(
    run: &Run,
    output: Option<Value>,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::ReviewRequired { .. } => {
            let mut transition = Transition::to(run, RunState::Completed, now);
            transition.output = output;
            Ok(transition)
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
