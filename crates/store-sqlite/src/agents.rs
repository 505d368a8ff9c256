//! Agents, kept.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::ports::{Agents, StoreError, WriteError};
use windlass_application::{
    Created, OrganizationContext, Outcome, Page, PageRequest, Write, Written,
};
use windlass_domain::agent::{Agent, AgentEdit, AgentWithTasks};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{AgentId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::{AgentRow, AgentTaskRow, with_tasks};
use windlass_records::{Audited, page, refuse_in_use};

use crate::connection::Connection;
use crate::error::read;
use crate::query::Query;
use crate::store::SqliteStore;

#[async_trait]
impl Agents for SqliteStore {
    async fn create(
        &self,
        write: Write,
        agent: Agent,
    ) -> Result<Written<AgentWithTasks>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let inserted = transaction.change(
                "INSERT INTO agent (organization_id, id, name, description, created_at, updated_at)
                 VALUES (?, ?, ?, ?, ?, ?)
                 ON CONFLICT (organization_id, id) DO NOTHING",
                params![
                    Id(organization_id.uuid()),
                    agent.id.as_str(),
                    &agent.name,
                    &agent.description,
                    At(agent.created_at),
                    At(agent.updated_at)
                ],
            )?;
            if inserted == 0 {
                return Err(WriteError::IdTaken);
            }
            let event = EventData::Agent(agent.clone());
            transaction.tell(EventType::AgentCreated, agent.created_at, event);
            let audited = Audited::new("agent.create", &agent.id);
            let created = AgentWithTasks {
                agent,
                tasks: Vec::new(),
            };
            transaction.keep(Outcome::Agent(&created), Some(audited))?;
            Ok(created)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &AgentId,
    ) -> Result<Option<AgentWithTasks>, StoreError> {
        let id = id.clone();
        let organization_id = organization.organization_id();
        self.read(move |connection| {
            let Some(agent) = load(connection, organization_id, &id)? else {
                return Ok(None);
            };
            let mut agents = load_tasks(connection, organization_id, vec![agent])?;
            Ok(agents.pop())
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
        let mut query = Query::new(
            "SELECT id, name, description, created_at, updated_at
             FROM agent
             WHERE organization_id = ",
        );
        query.push_bind(Id(organization_id.uuid()));
        page::push_page_by_creation(&mut query, "agent", created, &page);
        self.read(move |connection| {
            let rows: Vec<AgentRow> = connection.rows_of(query)?;
            let page = page::cut(rows, &page).read(read)?;
            Ok(Page {
                items: load_tasks(connection, organization_id, page.items)?,
                has_more: page.has_more,
            })
        })
        .await
    }

    async fn update(
        &self,
        write: Write,
        id: &AgentId,
        edit: AgentEdit,
    ) -> Result<Written<AgentWithTasks>, WriteError> {
        let id = id.clone();
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let before = load(transaction, organization_id, &id)?.ok_or(WriteError::NotFound)?;
            let edited = before.edited(&edit, transaction.at());
            if let Some(agent) = &edited {
                transaction.change(
                    "UPDATE agent
                     SET name = ?, description = ?, updated_at = ?
                     WHERE organization_id = ? AND id = ?",
                    params![
                        &agent.name,
                        &agent.description,
                        At(agent.updated_at),
                        Id(organization_id.uuid()),
                        id.as_str()
                    ],
                )?;
                let event = EventData::Agent(agent.clone());
                transaction.tell(EventType::AgentUpdated, agent.updated_at, event);
            }
            let audited = edited.is_some().then(|| Audited::new("agent.update", &id));
            let agents = vec![edited.unwrap_or(before)];
            let mut agents = load_tasks(transaction, organization_id, agents)?;
            let agent = agents.pop().ok_or(WriteError::NotFound)?;
            transaction.keep(Outcome::Agent(&agent), audited)?;
            Ok(agent)
        })
        .await
    }

    async fn delete(&self, write: Write, id: &AgentId) -> Result<Written<()>, WriteError> {
        let id = id.clone();
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let agent = load(transaction, organization_id, &id)?.ok_or(WriteError::NotFound)?;
            let tasks: i64 = transaction.only_value(
                "SELECT count(*) FROM task WHERE organization_id = ? AND agent_id = ?",
                params![Id(organization_id.uuid()), id.as_str()],
            )?;
            refuse_in_use(&[(tasks, "task")])?;
            transaction.change(
                "DELETE FROM agent WHERE organization_id = ? AND id = ?",
                params![Id(organization_id.uuid()), id.as_str()],
            )?;
            let at = transaction.at().following(agent.updated_at);
            transaction.tell(EventType::AgentDeleted, at, EventData::Agent(agent));
            let audited = Audited::new("agent.delete", &id);
            transaction.keep_deletion(audited)
        })
        .await
    }
}

/// The agent of this id.
pub(crate) fn load(
    connection: &Connection,
    organization_id: OrganizationId,
    id: &AgentId,
) -> Result<Option<Agent>, StoreError> {
    let row: Option<AgentRow> = connection.row(
        "SELECT id, name, description, created_at, updated_at
         FROM agent
         WHERE organization_id = ? AND id = ?",
        params![Id(organization_id.uuid()), id.as_str()],
    )?;
    row.map(read).transpose()
}

/// These agents with their tasks, by one statement for all.
fn load_tasks(
    connection: &Connection,
    organization_id: OrganizationId,
    agents: Vec<Agent>,
) -> Result<Vec<AgentWithTasks>, StoreError> {
    if agents.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(
        "SELECT task.agent_id, task.id, task_version.name, task_version.status
         FROM task
         JOIN task_version
           ON task_version.organization_id = task.organization_id
          AND task_version.task_id = task.id
          AND task_version.version = task.version
         WHERE task.organization_id = ",
    );
    query.push_bind(Id(organization_id.uuid()));
    let ids = agents.iter().map(|agent| agent.id.to_string());
    page::push_one_of(&mut query, "task.agent_id", ids);
    // In the order of the index by agent, so that a page of agents reads the tasks of those only.
    query.push(" ORDER BY task.agent_id, task.created_at, task.id");
    let rows: Vec<AgentTaskRow> = connection.rows_of(query)?;
    let tasks = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(with_tasks(agents, tasks))
}
