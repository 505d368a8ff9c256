//! Sources, kept.

use async_trait::async_trait;
use windlass_domain::id::SourceId;
use windlass_domain::source::{Source, SourceEdit};

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::{StoreError, WriteError};
use crate::write::{OrganizationContext, Write, Written};

/// Which sources to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceFilter {
    /// Of this name.
    pub name: Option<String>,
    /// Made in this range.
    pub created: Created,
}

/// Sources, kept with the events of their changes.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Sources: Send + Sync {
    /// Keeps a new source.
    ///
    /// # Errors
    /// `IdTaken` where the organization has one of this id.
    async fn create(&self, write: Write, source: Source) -> Result<Written<Source>, WriteError>;

    /// The source of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: &SourceId,
    ) -> Result<Option<Source>, StoreError>;

    /// Sources, newest first.
    async fn list(
        &self,
        organization: OrganizationContext,
        filter: SourceFilter,
        page: PageRequest,
    ) -> Result<Page<Source>, StoreError>;

    /// Changes a source; what changes nothing writes nothing, and answers it as it is.
    async fn update(
        &self,
        write: Write,
        id: &SourceId,
        edit: SourceEdit,
    ) -> Result<Written<Source>, WriteError>;

    /// Drops a source and the playbooks that lead through it.
    ///
    /// # Errors
    /// `InUse` while it has credentials that are not deleted, or runs that are not final.
    async fn delete(&self, write: Write, id: &SourceId) -> Result<Written<()>, WriteError>;
}
