//! Lets a worker leave.

use std::sync::Arc;

use windlass_domain::run::Holder;

use crate::announce::Announcer;
use crate::error::CallError;
use crate::ports::Workers;
use crate::problem::Resource;

/// Lets a worker leave.
pub struct DrainWorker {
    pub(super) workers: Arc<dyn Workers>,
    pub(super) announcer: Announcer,
}

impl DrainWorker {
    /// No new leases for this start, and its idle sessions end. Answers how many leases it holds.
    ///
    /// # Errors
    /// `Store` where the store cannot answer.
    pub async fn execute(&self, holder: Holder) -> Result<u32, CallError> {
        let drained = self.workers.drain(holder).await;
        let (held, signals) =
            drained.map_err(|error| CallError::of_write(error, Resource::TaskRun))?;
        self.announcer.announce(&signals).await;
        Ok(held)
    }
}
