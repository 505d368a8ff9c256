//! What is kept for so long and no longer. Each method is one bounded step, over all organizations:
//! what is over is told by its age alone.

use async_trait::async_trait;
use windlass_domain::Timestamp;
use windlass_domain::id::{RunId, SessionId};

use crate::ports::blobs::OwnedBlob;
use crate::ports::error::StoreError;

/// Which contents of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captured {
    /// Files.
    Files,
    /// Screenshots.
    Screenshots,
}

/// One step along all runs or all sessions, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<Id> {
    /// How many were dropped.
    pub dropped: u32,
    /// The contents that went with them.
    pub contents: Vec<OwnedBlob>,
    /// Where the next step goes on; None at the end.
    pub next: Option<Id>,
}

/// Drops what is over.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Retention: Send + Sync {
    /// Marks up to `limit` contents gone that were captured before this moment, the oldest first;
    /// which. Their rows stay as long as their runs.
    async fn expire(
        &self,
        what: Captured,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<OwnedBlob>, StoreError>;

    /// Looks at up to `limit` runs after this one, and drops those that had ended before this moment,
    /// with all that belongs to them; with the last run of a deleted task go its versions.
    async fn drop_runs(
        &self,
        after: Option<RunId>,
        before: Timestamp,
        limit: u32,
    ) -> Result<Step<RunId>, StoreError>;

    /// Looks at up to `limit` sessions after this one, and drops those that had ended before this
    /// moment and have no run any more.
    async fn drop_sessions(
        &self,
        after: Option<SessionId>,
        before: Timestamp,
        limit: u32,
    ) -> Result<Step<SessionId>, StoreError>;

    /// Drops up to `limit` deliveries of before this moment, with their attempts; how many.
    async fn drop_deliveries(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError>;

    /// Drops up to `limit` events of before this moment; how many.
    async fn drop_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError>;

    /// Drops up to `limit` kept answers to idempotency keys that are forgotten; how many.
    async fn drop_answers(&self, limit: u32) -> Result<u32, StoreError>;

    /// Drops up to `limit` workers that were last heard of before this moment and that hold nothing;
    /// how many.
    async fn drop_workers(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError>;

    /// Which of these contents no row tells of, or one that says that they are gone.
    async fn orphans(&self, contents: Vec<OwnedBlob>) -> Result<Vec<OwnedBlob>, StoreError>;
}
