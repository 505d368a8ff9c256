//! Event destinations, kept with sealed secrets.

use std::sync::Arc;

use async_trait::async_trait;
use windlass_domain::Timestamp;
use windlass_domain::destination::{Destination, DestinationEdit};
use windlass_domain::id::DestinationId;
use windlass_domain::sealed::Sealed;

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::{StoreError, WriteError};
use crate::write::{OrganizationContext, Write, Written};

/// The signing secrets of a destination, sealed, with a new one before those that it has at this
/// moment; the store asks inside its transaction.
pub type Rotate = Arc<dyn Fn(&Destination, Timestamp) -> Result<Sealed, StoreError> + Send + Sync>;

/// Event destinations.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Destinations: Send + Sync {
    /// Keeps a new destination; events committed from now on are delivered to it.
    async fn create(
        &self,
        write: Write,
        destination: Destination,
    ) -> Result<Written<Destination>, WriteError>;

    /// The destination of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: DestinationId,
    ) -> Result<Option<Destination>, StoreError>;

    /// Destinations, newest first.
    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<Destination>, StoreError>;

    /// Changes a destination; what changes nothing writes nothing, and answers it as it is. One that
    /// is active again gets what is committed from then on, and what was pending before.
    async fn update(
        &self,
        write: Write,
        id: DestinationId,
        edit: DestinationEdit,
    ) -> Result<Written<Destination>, WriteError>;

    /// Gives a destination the signing secrets that `rotate` makes of those that it has.
    async fn rotate_secret(
        &self,
        write: Write,
        id: DestinationId,
        rotate: Rotate,
    ) -> Result<Written<Destination>, WriteError>;

    /// Drops a destination: from then on nothing is made for it, and nothing more is sent to it.
    /// What was not delivered to it may be much, and is left to [`Self::sweep`].
    async fn delete(&self, write: Write, id: DestinationId) -> Result<Written<()>, WriteError>;

    /// Drops up to `limit` deliveries, with their attempts, that were not delivered to destinations
    /// that are deleted: a transaction that is never long. Whether there may be more.
    async fn sweep(&self, limit: u32) -> Result<bool, StoreError>;
}
