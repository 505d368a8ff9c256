//! Workers: names with starts.

use std::time::Duration;

use async_trait::async_trait;
use windlass_domain::lifecycle::Signal;
use windlass_domain::run::Holder;

use crate::ports::error::{StoreError, WriteError};
use crate::ports::runs::Swept;
use crate::write::OrganizationContext;

/// A worker that made no call for so long is gone, and with it the sessions that it kept. Source:
/// docs/workers.md, "Incarnations".
pub const GONE_AFTER: Duration = Duration::from_secs(45);

/// Of so many of its latest starts a worker's store knows the names: of more than can be said again,
/// since a call is given up long before a worker has started so often.
pub const STARTS_KNOWN: u32 = 8;

/// A start of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The new start.
    pub holder: Holder,
    /// How many leases of the one before it are lost.
    pub lost_leases: u32,
    /// What to tell outside.
    pub signals: Vec<Signal>,
}

/// Workers and their starts.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Workers: Send + Sync {
    /// A new start of the worker of this name. What the one before it held is lost and its idle
    /// sessions fail before the new one leases anything: each scene in a transaction of its own,
    /// the number first. `organization` is None for an embedded worker. What was heard as this `start`
    /// before, among the latest [`STARTS_KNOWN`], is no new one: it has its number already, and takes
    /// nothing from a later one; where there is none it keeps what it holds.
    async fn register<'start>(
        &self,
        organization: Option<OrganizationContext>,
        name: &str,
        start: Option<&'start str>,
    ) -> Result<Registered, WriteError>;

    /// The latest start of the organization's worker of this name.
    async fn find(
        &self,
        organization: OrganizationContext,
        name: &str,
    ) -> Result<Option<Holder>, StoreError>;

    /// No new leases for this start; its idle sessions end, and the others with their run. Answers
    /// how many leases it holds.
    async fn drain(&self, holder: Holder) -> Result<(u32, Vec<Signal>), WriteError>;

    /// Fails up to `limit` idle sessions of workers that are gone: nothing was heard of them for
    /// [`GONE_AFTER`]. Ends as well what a drain, or fails what a new start was to take from a
    /// worker, and was broken off. Each session in a transaction of its own. Leases run out by
    /// themselves.
    async fn sweep(&self, limit: u32) -> Result<Swept, StoreError>;

    /// The worker called: it is not gone.
    async fn seen(&self, holder: Holder) -> Result<(), StoreError>;
}
