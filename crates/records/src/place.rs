//! Where a run stands that is not final: in `queue`, `parked`, `live` or `review`, and in no two of
//! them. Source: docs/architecture.md, "Where the data lies".

use std::time::Duration;

use windlass_application::ports::StoreError;
use windlass_domain::lifecycle;
use windlass_domain::run::{Run, RunState, Waiting};

use crate::columns::At;
use crate::rows::corrupt;

/// What a run waits for in `parked` that waits for its session. Not a kind of slots that a gate counts.
pub const PARKED_FOR_SESSION: &str = "session";

/// When what could not be swept is looked at again.
pub const SWEPT_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// What a run waits for, and so the table that it has a row in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// For a worker: it may be leased, or waits for a slot besides that of its session.
    Queue,
    /// For its session.
    Parked,
    /// For the worker that holds it.
    Live,
    /// For a person.
    Review,
    /// For nothing: it is final.
    Nowhere,
}

impl Place {
    /// Where a run in this state stands.
    pub fn of(state: &RunState) -> Self {
        match state {
            RunState::Queued {
                waiting: Waiting::ForWorker,
                ..
            } => Self::Queue,
            RunState::Queued {
                waiting: Waiting::ForSession,
                ..
            } => Self::Parked,
            RunState::Running { .. }
            | RunState::InteractionRequired { .. }
            | RunState::Canceling { .. } => Self::Live,
            RunState::ReviewRequired { .. } => Self::Review,
            RunState::Completed | RunState::Failed { .. } | RunState::Canceled => Self::Nowhere,
        }
    }
}

/// When a run that waits or is held is looked at.
///
/// # Errors
/// `Corrupt` where it never is: such a run has a clock that runs.
pub fn deadline(run: &Run) -> Result<At, StoreError> {
    let check_at = lifecycle::check_at(run).map(At);
    check_at.ok_or_else(|| {
        let rule = "a run that waits or is held has a deadline";
        corrupt("run", &run.id, &rule)
    })
}
