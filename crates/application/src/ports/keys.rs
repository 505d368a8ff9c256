//! API keys, kept as hashes.

use async_trait::async_trait;
use windlass_domain::Timestamp;
use windlass_domain::id::KeyId;
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;

use crate::ports::error::{StoreError, WriteError};
use crate::write::Operator;

/// API keys.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Keys: Send + Sync {
    /// Keeps a new key.
    ///
    /// # Errors
    /// `IdTaken` where a key of this hash is kept already.
    async fn create(&self, operator: Operator, key: ApiKey) -> Result<(), WriteError>;

    /// The key of this hash, whatever its state, and its organization.
    async fn find(&self, hash: [u8; 32]) -> Result<Option<(ApiKey, Organization)>, StoreError>;

    /// All keys with their organizations, oldest first.
    async fn list(&self) -> Result<Vec<(ApiKey, Organization)>, StoreError>;

    /// Ends a key; one that was ended before stays as it is.
    ///
    /// # Errors
    /// `NotFound` where there is none of this id.
    async fn revoke(&self, operator: Operator, id: KeyId) -> Result<(), WriteError>;

    /// A key was used.
    async fn used(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError>;
}
