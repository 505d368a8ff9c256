//! The end of the server: what is under way is ended, and nobody waits for long.
//! Source: docs/decisions/0034-a-drain-takes-calls-to-its-end.md.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Tells every part of the API that the server stops, and knows what is still under way.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    begun: CancellationToken,
    closed: CancellationToken,
    beside: TaskTracker,
    writes: TaskTracker,
}

impl Drain {
    /// From now on waits are answered at once, `/readyz` says no, and no run is leased. Calls are taken
    /// until nothing else is under way.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Whether the server stops.
    pub fn is_draining(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Something beside the API that a drain waits for. As long as one is held, calls are taken.
    pub fn beside(&self) -> TaskTrackerToken {
        self.beside.token()
    }

    /// Set when the server stops.
    pub(crate) fn begun(&self) -> &CancellationToken {
        &self.begun
    }

    /// Set when it takes no more connections.
    pub(crate) fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    /// Writes that are under way, also those whose callers have gone away.
    pub(crate) fn writes(&self) -> &TaskTracker {
        &self.writes
    }

    /// Waits until nothing beside the API is under way any more.
    pub(crate) async fn alone(&self) {
        self.beside.close();
        self.beside.wait().await;
    }

    /// Waits for the writes that are under way, `at_most` this long.
    pub(crate) async fn ended(&self, at_most: Duration) -> bool {
        self.writes.close();
        tokio::time::timeout(at_most, self.writes.wait())
            .await
            .is_ok()
    }
}
