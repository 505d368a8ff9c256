//! Organizations, kept.

use async_trait::async_trait;
use windlass_domain::id::OrganizationId;
use windlass_domain::organization::Organization;

use crate::ports::error::{StoreError, WriteError};
use crate::write::Operator;

/// Organizations.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Organizations: Send + Sync {
    /// Keeps a new organization.
    ///
    /// # Errors
    /// `IdTaken` where there is one of this name.
    async fn create(
        &self,
        operator: Operator,
        organization: Organization,
    ) -> Result<(), WriteError>;

    /// Suspends an organization, or lets it go on; one that is so already stays as it is.
    ///
    /// # Errors
    /// `NotFound` where there is none of this id.
    async fn set_suspended(
        &self,
        operator: Operator,
        id: OrganizationId,
        suspended: bool,
    ) -> Result<(), WriteError>;

    /// The organization of this name.
    async fn find(&self, name: &str) -> Result<Option<Organization>, StoreError>;

    /// All organizations, oldest first.
    async fn list(&self) -> Result<Vec<Organization>, StoreError>;
}
