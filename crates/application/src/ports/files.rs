//! The rows of files that runs captured.

use async_trait::async_trait;
use windlass_domain::file::StoredFile;
use windlass_domain::id::{OrganizationId, RunId, SourceId, StorageId, TaskId};
use windlass_domain::run::Run;

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::StoreError;
use crate::write::OrganizationContext;

/// Which files to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileFilter {
    /// Of this run.
    pub run_id: Option<RunId>,
    /// Of runs of this task.
    pub task_id: Option<TaskId>,
    /// Of runs at this source.
    pub source_id: Option<SourceId>,
    /// Made in this range.
    pub created: Created,
}

/// What makes two files the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// Their content has this SHA-256.
    Content([u8; 32]),
    /// The fields that their task compares have this SHA-256.
    Fields([u8; 32]),
}

/// The rows of files. They are written with the activity that brings them: `Runs::command`.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Files: Send + Sync {
    /// The file of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: StorageId,
    ) -> Result<Option<StoredFile>, StoreError>;

    /// The file of this id and whose it is, for a request that shows a signed address and no key.
    async fn find(&self, id: StorageId)
    -> Result<Option<(OrganizationId, StoredFile)>, StoreError>;

    /// What a content is kept as in this run, where it is.
    async fn captured_in(
        &self,
        run: &Run,
        sha256: [u8; 32],
    ) -> Result<Option<StorageId>, StoreError>;

    /// Whether an earlier run of the task and the credential of this one has captured such a file.
    async fn has_captured_before(&self, run: &Run, like: Likeness) -> Result<bool, StoreError>;

    /// Files, newest first.
    async fn list(
        &self,
        organization: OrganizationContext,
        filter: FileFilter,
        page: PageRequest,
    ) -> Result<Page<StoredFile>, StoreError>;
}
