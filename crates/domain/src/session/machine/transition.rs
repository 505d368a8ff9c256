//! What one command does to one session, as data.

use std::time::Duration;

use crate::run::Holder;
use crate::session::{Session, SessionState, SessionStatus};
use crate::time::Timestamp;

/// What one command does to one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// The session's next state.
    pub session: Session,
    /// The statuses entered, in order.
    pub entered: Vec<Entered>,
    /// What its queued runs hear of it.
    pub queued_runs: QueuedRuns,
}

/// A status that was entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entered {
    /// Which.
    pub status: SessionStatus,
    /// When.
    pub at: Timestamp,
    /// The session's version then.
    pub version: u32,
    /// The session's runtime then.
    pub runtime: Duration,
}

/// What becomes of the runs that wait for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueuedRuns {
    /// They go on waiting.
    Wait,
    /// The caller ended the session: `session_ended`, for its leased run too.
    Ended {
        /// How long the leased run's agent has to stop.
        grace: Duration,
    },
    /// The session is gone otherwise: `session_failed`.
    Failed,
}

impl Transition {
    /// The answer to what was heard already.
    pub(super) fn unchanged(session: &Session) -> Self {
        Self {
            session: session.clone(),
            entered: Vec::new(),
            queued_runs: QueuedRuns::Wait,
        }
    }

    /// A session that enters the status of `state`.
    pub(super) fn to(session: &Session, state: SessionState, now: Timestamp) -> Self {
        Self::unchanged(session).through(state, now)
    }

    /// A session that has nothing left to do ends at once.
    pub(super) fn completed(session: &Session, holder: Option<Holder>, now: Timestamp) -> Self {
        Self::to(session, SessionState::Completing { holder }, now)
            .through(SessionState::Completed, now)
            .queued_runs(QueuedRuns::Failed)
    }

    /// A session that is lost.
    pub(super) fn failed(session: &Session, now: Timestamp) -> Self {
        Self::to(session, SessionState::Failed, now).queued_runs(QueuedRuns::Failed)
    }

    fn through(mut self, state: SessionState, now: Timestamp) -> Self {
        let session = &mut self.session;
        let at = now.following(session.updated_at);
        session.runtime = session.runtime_at(at);
        session.version += 1;
        session.updated_at = at;
        session.state = state;
        self.entered.push(Entered {
            status: state.status(),
            at,
            version: session.version,
            runtime: session.runtime,
        });
        self
    }

    pub(super) fn queued_runs(mut self, queued_runs: QueuedRuns) -> Self {
        self.queued_runs = queued_runs;
        self
    }
}
