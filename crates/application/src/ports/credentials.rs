//! Credentials, kept with sealed contents.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use windlass_domain::credential::{Credential, CredentialEdit, CredentialStatus};
use windlass_domain::id::{CredentialId, SourceId};
use windlass_domain::sealed::Sealed;

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::{StoreError, WriteError};
use crate::write::{OrganizationContext, Write, Written};

/// A credential with what its caller may see of its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialView {
    /// The credential.
    pub credential: Credential,
    /// The user name.
    pub username: Option<String>,
    /// What else the source asks for; context, not secrets.
    pub source_fields: BTreeMap<String, String>,
}

/// Opens what a caller may see of a credential, for the answer that is kept: the store asks inside
/// its transaction.
pub type Show = Arc<dyn Fn(Credential) -> Result<CredentialView, StoreError> + Send + Sync>;

/// Which credentials to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CredentialFilter {
    /// Of one of these sources; empty is any.
    pub source_ids: Vec<SourceId>,
    /// In one of these statuses; empty is any.
    pub statuses: Vec<CredentialStatus>,
    /// Of the person whom the caller names so.
    pub external_id: Option<String>,
    /// Made in this range.
    pub created: Created,
}

/// Credentials, kept with the events of their changes.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Keeps a new credential. The view is what an idempotent answer is made from.
    ///
    /// # Errors
    /// `ReferenceGone` where its source was deleted meanwhile; `IdTaken` where there is one of this
    /// id.
    async fn create(
        &self,
        write: Write,
        credential: CredentialView,
    ) -> Result<Written<CredentialView>, WriteError>;

    /// The credential of this id, also where it is deleted.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: CredentialId,
    ) -> Result<Option<Credential>, StoreError>;

    /// The login that is saved with a credential, sealed as `credential.login`.
    async fn login(
        &self,
        organization: OrganizationContext,
        id: CredentialId,
    ) -> Result<Option<Sealed>, StoreError>;

    /// Credentials, newest first, deleted ones too.
    async fn list(
        &self,
        organization: OrganizationContext,
        filter: CredentialFilter,
        page: PageRequest,
    ) -> Result<Page<Credential>, StoreError>;

    /// Changes a credential; what changes nothing writes nothing, and answers it as it is. With new
    /// contents it is `unverified`, and its saved login is erased.
    ///
    /// # Errors
    /// `CredentialDeleted`.
    async fn update(
        &self,
        write: Write,
        id: CredentialId,
        edit: CredentialEdit,
        show: Show,
    ) -> Result<Written<CredentialView>, WriteError>;

    /// Erases a credential's contents for good, its saved login among them; its record stays, as `deleted`. A second time
    /// changes nothing.
    async fn delete(&self, write: Write, id: CredentialId) -> Result<Written<()>, WriteError>;
}
