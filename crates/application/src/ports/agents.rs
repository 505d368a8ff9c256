//! Agents, kept.

use async_trait::async_trait;
use windlass_domain::agent::{Agent, AgentEdit, AgentWithTasks};
use windlass_domain::id::AgentId;

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::{StoreError, WriteError};
use crate::write::{OrganizationContext, Write, Written};

/// Agents, kept with the events of their changes.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Agents: Send + Sync {
    /// Keeps a new agent.
    ///
    /// # Errors
    /// `IdTaken` where the organization has one of this id.
    async fn create(
        &self,
        write: Write,
        agent: Agent,
    ) -> Result<Written<AgentWithTasks>, WriteError>;

    /// The agent of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: &AgentId,
    ) -> Result<Option<AgentWithTasks>, StoreError>;

    /// Agents, newest first.
    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<AgentWithTasks>, StoreError>;

    /// Changes an agent; what changes nothing writes nothing, and answers it as it is.
    async fn update(
        &self,
        write: Write,
        id: &AgentId,
        edit: AgentEdit,
    ) -> Result<Written<AgentWithTasks>, WriteError>;

    /// Drops an agent.
    ///
    /// # Errors
    /// `InUse` while it has tasks.
    async fn delete(&self, write: Write, id: &AgentId) -> Result<Written<()>, WriteError>;
}
