//! Why a command was not applied.

use super::{Epoch, Status};
use crate::id::InteractionId;
use crate::lifecycle::Missing;
use crate::session::SessionStatus;

/// Why a command was not applied. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Cancel of a run that is neither queued, running nor canceled already.
    #[error("a run that is `{status}` cannot be canceled")]
    NotCancelable {
        /// Where it stands.
        status: Status,
    },
    /// An answer to a run that asks nothing.
    #[error("a run that is `{status}` waits for no answer")]
    InteractionNotPending {
        /// Where it stands.
        status: Status,
    },
    /// An answer to another question than the one that the run asks by now.
    #[error("the run asks something else by now, `{pending}`: look at it and answer that")]
    OtherInteraction {
        /// What it asks.
        pending: InteractionId,
    },
    /// A review of a run that waits for none.
    #[error("a run that is `{status}` waits for no review")]
    NotReviewable {
        /// Where it stands.
        status: Status,
    },
    /// A worker's call under another lease than the present one.
    #[error("this lease is epoch {given}; the run is at epoch {current}")]
    LeaseLost {
        /// The epoch of the call.
        given: Epoch,
        /// The run's epoch.
        current: Epoch,
    },
    /// A worker's call about a run that nobody holds.
    #[error("this lease is epoch {given}; nobody holds the run, which is `{status}`")]
    LeaseOver {
        /// The epoch of the call.
        given: Epoch,
        /// Where the run stands.
        status: Status,
    },
    /// A worker's call that its run does not take in its status.
    #[error("a run that is `{status}` does not take this")]
    RunNotRunning {
        /// Where it stands.
        status: Status,
    },
    /// A clock that does not run in this status, or has not run out: a sweep that came late.
    #[error("the run has moved on: it is `{status}`")]
    NotDue {
        /// Where it stands.
        status: Status,
    },
    /// A run or a lease in a session that is ending or has ended.
    #[error("the session is `{status}`")]
    SessionEnded {
        /// Where it stands.
        status: SessionStatus,
    },
    /// A session whose state does not take the command.
    #[error("a session that is `{status}` does not take this")]
    SessionNotReady {
        /// Where it stands.
        status: SessionStatus,
    },
    /// The scene does not hold what the command is about.
    #[error("the run is not in this session")]
    NotInScene,
    /// The scene was loaded without what the decision needs; a store never passes it on.
    #[error("the decision needs {missing}, and was asked without")]
    NotLoaded {
        /// What.
        missing: Missing,
    },
}
