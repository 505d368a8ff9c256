//! The end of the server: what is under way is ended, and nobody waits for long.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Tells every part of the API that the server stops, and knows what is still under way.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    begun: CancellationToken,
    writes: TaskTracker,
}

impl Drain {
    /// From now on waits are answered at once, `/readyz` says no, and no connection is accepted.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// Whether the server stops.
    pub fn is_draining(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// Set when the server stops.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.begun
    }

    /// Writes that are under way, also those whose callers have gone away.
    pub(crate) fn writes(&self) -> &TaskTracker {
        &self.writes
    }

    /// Waits for the writes that are under way, `at_most` this long.
    pub(crate) async fn ended(&self, at_most: Duration) -> bool {
        self.writes.close();
        tokio::time::timeout(at_most, self.writes.wait())
            .await
            .is_ok()
    }
}
