//! Agents, kept.

use async_trait::async_trait;
use windlass_application::ports::{Agents, StoreError, WriteError};
use windlass_application::{
    Created, OrganizationContext, Outcome, Page, PageRequest, Write, Written,
};
use windlass_domain::agent::{Agent, AgentEdit, AgentWithTasks};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{AgentId, OrganizationId};
use windlass_domain::task::{Task, TaskSummary};

use super::page;
use super::write::refuse_in_use;
use super::{MemoryStore, State};

#[async_trait]
impl Agents for MemoryStore {
    async fn create(
        &self,
        write: Write,
        agent: Agent,
    ) -> Result<Written<AgentWithTasks>, WriteError> {
        let act = |change: super::write::Change<'_>| {
            let id = (change.organization_id, agent.id.clone());
            if change.state.agents.contains_key(&id) {
                return Err(WriteError::IdTaken);
            }
            change.state.agents.insert(id, agent.clone());
            let at = agent.created_at;
            change.emit(EventType::AgentCreated, at, EventData::Agent(agent.clone()));
            let tasks = Vec::new();
            Ok(AgentWithTasks { agent, tasks })
        };
        self.write("Agents::create", write, act, |agent| Outcome::Agent(agent))
            .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &AgentId,
    ) -> Result<Option<AgentWithTasks>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Agents::get", |state| {
            let agent = state.agents.get(&(organization_id, id.clone()));
            agent.map(|agent| with_tasks(state, organization_id, agent))
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<AgentWithTasks>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Agents::list", |state| {
            let agents = state.agents.iter();
            let own = agents.filter(|((owner, _), _)| *owner == organization_id);
            let own = own.map(|(_, agent)| with_tasks(state, organization_id, agent));
            let key = |it: &AgentWithTasks| (it.agent.created_at, it.agent.id.to_string());
            page::newest_first(own, key, created, &page)
        })
        .await
    }

    async fn update(
        &self,
        write: Write,
        id: &AgentId,
        edit: AgentEdit,
    ) -> Result<Written<AgentWithTasks>, WriteError> {
        let act = |change: super::write::Change<'_>| {
            let owner = change.organization_id;
            let key = (owner, id.clone());
            let agent = change.state.agents.get(&key);
            let agent = agent.ok_or(WriteError::NotFound)?;
            let Some(edited) = agent.edited(&edit, change.at) else {
                return Ok(with_tasks(change.state, owner, agent));
            };
            let shown = with_tasks(change.state, owner, &edited);
            change.state.agents.insert(key, edited.clone());
            let at = edited.updated_at;
            change.emit(EventType::AgentUpdated, at, EventData::Agent(edited));
            Ok(shown)
        };
        self.write("Agents::update", write, act, |agent| Outcome::Agent(agent))
            .await
    }

    async fn delete(&self, write: Write, id: &AgentId) -> Result<Written<()>, WriteError> {
        let act = |change: super::write::Change<'_>| {
            let key = (change.organization_id, id.clone());
            let agent = change.state.agents.get(&key).ok_or(WriteError::NotFound)?;
            let agent = agent.clone();
            let tasks = tasks_of(change.state, change.organization_id, id).count();
            refuse_in_use(&[(tasks, "task")])?;
            change.state.agents.remove(&key);
            let at = change.at.following(agent.updated_at);
            change.emit(EventType::AgentDeleted, at, EventData::Agent(agent));
            Ok(())
        };
        self.write("Agents::delete", write, act, |()| Outcome::Deleted)
            .await
    }
}

fn tasks_of<'a>(
    state: &'a State,
    organization_id: OrganizationId,
    id: &'a AgentId,
) -> impl Iterator<Item = &'a Task> {
    let of_agent = move |task: &&Task| task.agent_id == *id;
    state.newest_tasks(organization_id).filter(of_agent)
}

/// Its tasks oldest first.
fn with_tasks(state: &State, organization_id: OrganizationId, agent: &Agent) -> AgentWithTasks {
    let mut tasks: Vec<&Task> = tasks_of(state, organization_id, &agent.id).collect();
    tasks.sort_by_key(|task| (task.created_at, &task.id));
    let tasks = tasks.into_iter().map(|task| TaskSummary {
        id: task.id.clone(),
        name: task.name.clone(),
        status: task.status,
    });
    AgentWithTasks {
        agent: agent.clone(),
        tasks: tasks.collect(),
    }
}
