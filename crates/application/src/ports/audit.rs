//! The audit, kept. Entries are written with the change that they tell of.

use async_trait::async_trait;
use windlass_domain::id::OrganizationId;

use crate::audit::{ChainHead, HeadSeal, LinkedEntry, ListedEntry};
use crate::ports::error::StoreError;

/// The audit.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Audit: Send + Sync {
    /// Organizations with entries that are not linked yet.
    async fn unlinked(&self) -> Result<Vec<OrganizationId>, StoreError>;

    /// Links up to `limit` entries of an organization, in the order in which they were written, and
    /// moves its head on; how many. Two at once follow one another.
    ///
    /// # Errors
    /// `Corrupt`, and nothing is linked, where the head is gone or does not open.
    async fn link(
        &self,
        organization_id: OrganizationId,
        limit: u32,
        seal: HeadSeal,
    ) -> Result<u32, StoreError>;

    /// How long the chain of an organization is.
    async fn head(&self, organization_id: OrganizationId) -> Result<ChainHead, StoreError>;

    /// Up to `limit` links of an organization's chain after this position, in their order.
    async fn chain(
        &self,
        organization_id: OrganizationId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LinkedEntry>, StoreError>;

    /// The newest entries, newest first: those that are not linked, then from the end of the chain.
    async fn newest(
        &self,
        organization_id: OrganizationId,
        limit: u32,
    ) -> Result<Vec<ListedEntry>, StoreError>;
}
