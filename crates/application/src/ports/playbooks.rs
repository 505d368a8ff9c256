//! Playbooks, kept in versions, and the rules of their form.

use async_trait::async_trait;
use serde_json::Value;
use windlass_domain::id::{SourceId, TaskId};
use windlass_domain::playbook::Playbook;

use crate::ports::error::{StoreError, WriteError};
use crate::problem::Problem;
use crate::write::{OrganizationContext, Write, Written};

/// Playbooks, per task and source, kept in immutable versions.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Playbooks: Send + Sync {
    /// Keeps the next version of a playbook whose document was checked. Its task is live from then on
    /// ([`Task::with_playbook`](windlass_domain::task::Task::with_playbook)), in the same transaction.
    ///
    /// # Errors
    /// `NotFound` where the task is gone; `ReferenceGone` where the source is.
    async fn put(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
        document: Value,
    ) -> Result<Written<Playbook>, WriteError>;

    /// The newest version of a task's playbook for a source.
    async fn get(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
        source_id: &SourceId,
    ) -> Result<Option<Playbook>, StoreError>;

    /// A task's playbooks in their newest versions, by source id; a task has few.
    async fn list(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
    ) -> Result<Vec<Playbook>, StoreError>;

    /// Drops a playbook; its versions stay as long as its task and the runs that started with them,
    /// and no later version has the number of one. A task without any is learning again.
    ///
    /// # Errors
    /// `NotFound` where there is none.
    async fn delete(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
    ) -> Result<Written<()>, WriteError>;
}

/// What a playbook's document must look like.
#[cfg_attr(test, mockall::automock)]
pub trait PlaybookRules: Send + Sync {
    /// All that is wrong with the document, each with the path of its place.
    ///
    /// # Errors
    /// The problems; never empty.
    fn check(&self, document: &Value) -> Result<(), Vec<Problem>>;
}
