//! Starts a worker.

use std::sync::Arc;
use std::time::Duration;

use windlass_domain::run::Holder;

use crate::announce::Announcer;
use crate::error::CallError;
use crate::field;
use crate::ports::Workers;
use crate::problem::Resource;
use crate::write::OrganizationContext;

/// Starts a worker.
pub struct RegisterWorker {
    pub(super) workers: Arc<dyn Workers>,
    pub(super) announcer: Announcer,
    pub(super) lease_length: Duration,
}

/// A worker that has started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerStart {
    /// The new start.
    pub holder: Holder,
    /// How many leases of the one before it are lost.
    pub lost_leases: u32,
    /// How long a lease lives from each of its renewals.
    pub lease_length: Duration,
}

impl RegisterWorker {
    /// A new start of the worker of this name; the one before it is gone from now on.
    /// `organization` is None for the embedded worker alone. `start` is what the worker calls this
    /// start: said again, it is the same.
    ///
    /// # Errors
    /// `Invalid` where the name is none, or that of the start.
    pub async fn execute(
        &self,
        organization: Option<OrganizationContext>,
        name: &str,
        start: Option<&str>,
    ) -> Result<WorkerStart, CallError> {
        let mut problems = Vec::new();
        let name = field::name("worker", name, &mut problems);
        let start = start.map(|start| field::name("start", start, &mut problems));
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let registered = self
            .workers
            .register(organization, &name, start.as_deref())
            .await;
        let registered =
            registered.map_err(|error| CallError::of_write(error, Resource::TaskRun))?;
        self.announcer.announce(&registered.signals).await;
        Ok(WorkerStart {
            holder: registered.holder,
            lost_leases: registered.lost_leases,
            lease_length: self.lease_length,
        })
    }
}
