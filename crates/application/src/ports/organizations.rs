//! Organizations, kept.

use async_trait::async_trait;
use windlass_domain::organization::Organization;

use crate::ports::error::{StoreError, WriteError};

/// Organizations.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Organizations: Send + Sync {
    /// Keeps a new organization.
    ///
    /// # Errors
    /// `IdTaken` where there is one of this name.
    async fn create(&self, organization: Organization) -> Result<(), WriteError>;

    /// The organization of this name.
    async fn find(&self, name: &str) -> Result<Option<Organization>, StoreError>;

    /// All organizations, oldest first.
    async fn list(&self) -> Result<Vec<Organization>, StoreError>;
}
