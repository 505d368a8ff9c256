//! Tasks, kept in versions.

use async_trait::async_trait;
use windlass_domain::id::{AgentId, TaskId};
use windlass_domain::task::{Task, TaskEdit, TaskStatus};

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::{StoreError, WriteError};
use crate::write::{OrganizationContext, Write, Written};

/// Which tasks to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskFilter {
    /// Of this agent.
    pub agent_id: Option<AgentId>,
    /// In one of these statuses; empty is any.
    pub statuses: Vec<TaskStatus>,
    /// Made in this range.
    pub created: Created,
}

/// Tasks, kept in immutable versions, with the events of their changes.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Keeps a new task as [`Task::made_after`] what is kept of deleted ones of the same id; the
    /// version that it comes with is not read.
    ///
    /// # Errors
    /// `IdTaken`; `ReferenceGone` where its agent was deleted meanwhile.
    async fn create(&self, write: Write, task: Task) -> Result<Written<Task>, WriteError>;

    /// The newest version of the task of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
    ) -> Result<Option<Task>, StoreError>;

    /// One version of a task, also of one that was deleted since.
    async fn get_version(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
        version: u32,
    ) -> Result<Option<Task>, StoreError>;

    /// Tasks in their newest version, newest first.
    async fn list(
        &self,
        organization: OrganizationContext,
        filter: TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>, StoreError>;

    /// Changes a task, which makes its next version: a run keeps the one that it started with. What
    /// changes nothing writes nothing, and answers the task as it is.
    async fn update(
        &self,
        write: Write,
        id: &TaskId,
        edit: TaskEdit,
    ) -> Result<Written<Task>, WriteError>;

    /// Drops what was learned of a task: its next version learns again.
    async fn reset(&self, write: Write, id: &TaskId) -> Result<Written<Task>, WriteError>;

    /// Drops a task and its playbooks; its versions stay as long as its runs, and where it
    /// [is of this moment](Task::is_of_this_moment).
    ///
    /// # Errors
    /// `InUse` while it has runs that are not final.
    async fn delete(&self, write: Write, id: &TaskId) -> Result<Written<()>, WriteError>;
}
