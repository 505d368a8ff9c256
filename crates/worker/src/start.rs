//! One start of a worker, as each of its runs knows it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::error;
use windlass_domain::id::SessionId;
use windlass_domain::run::AfterRun;

use crate::agent::Agent;
use crate::protocol::{Protocol, Registration};

/// The most idle sessions that a worker keeps, since each costs memory. Beyond them a session ends
/// with its run.
const MAX_IDLE_SESSIONS: usize = 4096;

/// One start of a worker, from its registration until it has drained.
pub(crate) struct Start {
    pub(crate) protocol: Arc<dyn Protocol>,
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) incarnation: u32,
    /// How long a lease lives from each of its renewals.
    pub(crate) lease_length: Duration,
    /// The worker is draining: sessions end with their runs.
    pub(crate) leaving: CancellationToken,
    /// The time to drain is over: agents stop, and runs are given back.
    pub(crate) give_back: CancellationToken,
    idle_sessions: AtomicUsize,
}

impl Start {
    pub(crate) fn new(
        protocol: Arc<dyn Protocol>,
        agent: Arc<dyn Agent>,
        registration: &Registration,
    ) -> Self {
        Self {
            protocol,
            agent,
            incarnation: registration.incarnation,
            lease_length: registration.lease_length,
            leaving: CancellationToken::new(),
            give_back: CancellationToken::new(),
            idle_sessions: AtomicUsize::new(0),
        }
    }

    /// How many sessions are kept now.
    pub(crate) fn keeps(&self, idle_sessions: usize) {
        self.idle_sessions.store(idle_sessions, Ordering::Relaxed);
    }

    /// What becomes of a session whose agent would have it so.
    pub(crate) fn after_run(&self, wish: AfterRun) -> AfterRun {
        let is_full = self.idle_sessions.load(Ordering::Relaxed) >= MAX_IDLE_SESSIONS;
        if is_full || self.leaving.is_cancelled() {
            AfterRun::End
        } else {
            wish
        }
    }

    /// Lets the agent drop what it kept for a session.
    pub(crate) async fn end_session(&self, session_id: SessionId) {
        let ending = AssertUnwindSafe(self.agent.end_session(session_id)).catch_unwind();
        if ending.await.is_err() {
            error!(session.id = %session_id, "the agent panicked while it ended {session_id}");
        }
    }
}
