//! The one clock that rules.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use windlass_domain::Timestamp;

/// The clock of the store: all deadlines are set and swept by it.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Waits about so long, before something is tried again. By the process's own time, unless time
    /// is not real.
    async fn wait(self: Arc<Self>, length: Duration) {
        tokio::time::sleep(length).await;
    }
}
