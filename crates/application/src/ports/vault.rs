//! Sealing of secrets: what is stored of them opens only at its place.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretSlice;
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;

use crate::ports::error::StoreError;
use crate::write::Operator;

/// Why something was not sealed or opened. Says nothing of the content.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The ciphertext does not belong to this place, or was changed.
    #[error("a sealed {name} does not open: it was changed or moved, or its key is another")]
    DoesNotOpen {
        /// The logical name that it was to be opened as.
        name: &'static str,
    },
    /// The organization's keys cannot be had.
    #[error("the organization's keys cannot be had")]
    Keys(#[source] StoreError),
}

/// Where a sealed value belongs: it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The logical name, equal in every store: `run.input`.
    pub name: &'static str,
    /// The row: an id as text.
    pub row: &'a str,
}

/// Seals and opens for one organization. Cheap: its keys are in memory.
pub trait OrganizationVault: Send + Sync {
    /// Seals a value for a place.
    fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> Sealed;

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] where it was sealed for another, or is damaged.
    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretSlice<u8>, VaultError>;
}

/// The vault: one data key per organization, wrapped by the master key.
#[async_trait]
pub trait Vault: Send + Sync {
    /// The vault of an organization; its first use makes its data key.
    async fn of(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Arc<dyn OrganizationVault>, VaultError>;
}

/// A data key as it is kept: wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Counts up with every rotation; sealed values name it.
    pub version: u32,
    /// The wrapped key.
    pub wrapped: Sealed,
    /// Whether its moment has come, from which on values are sealed with it; it opens them before, so
    /// that every process knows it by then.
    pub seals: bool,
}

/// Wrapped data keys, and the canary that proves the master key, kept.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait DataKeys: Send + Sync {
    /// All versions of an organization's key, oldest first.
    async fn list(&self, organization_id: OrganizationId) -> Result<Vec<WrappedKey>, StoreError>;

    /// Keeps a key unless one of this version is kept; answers all versions then.
    async fn insert(
        &self,
        organization_id: OrganizationId,
        key: WrappedKey,
    ) -> Result<Vec<WrappedKey>, StoreError>;

    /// Keeps the next version of an organization's key, with which values are sealed from this moment
    /// on, unless one of this version is kept; whether it was.
    async fn add(
        &self,
        operator: Operator,
        organization_id: OrganizationId,
        key: WrappedKey,
        seals_from: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The keys of all organizations, each organization's oldest first.
    async fn all(&self) -> Result<Vec<(OrganizationId, WrappedKey)>, StoreError>;

    /// Keeps a key as it is wrapped now, unless it was wrapped anew meanwhile; whether it was kept.
    async fn rewrap(
        &self,
        operator: Operator,
        organization_id: OrganizationId,
        found: WrappedKey,
        wrapped: Sealed,
    ) -> Result<bool, StoreError>;

    /// Drops the versions of an organization's key before this one.
    async fn drop_before(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<(), StoreError>;

    /// Keeps a canary in place of the one that was found, unless another is kept; whether it was.
    async fn replace_canary(&self, found: Sealed, canary: Sealed) -> Result<bool, StoreError>;

    /// The canary, if the database has one.
    async fn canary(&self) -> Result<Option<Sealed>, StoreError>;

    /// Keeps the canary of a new database, unless it has one; answers the one that it has then.
    async fn plant_canary(&self, canary: Sealed) -> Result<Sealed, StoreError>;
}
