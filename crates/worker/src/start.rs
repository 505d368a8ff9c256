//! One start of a worker, as each of its runs knows it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tracing::error;
use windlass_domain::id::SessionId;
use windlass_domain::run::AfterRun;

use crate::agent::Agent;
use crate::protocol::{Protocol, Registration};

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
        }
    }

    /// What becomes of a session whose agent would have it so.
    pub(crate) fn after_run(&self, wish: AfterRun) -> AfterRun {
        if self.leaving.is_cancelled() {
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
