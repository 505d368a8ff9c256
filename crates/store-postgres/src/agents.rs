//! Agents, kept.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::postgres::PgConnection;
use windlass_application::ports::{Agents, StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{
    Created, OrganizationContext, Outcome, Page, PageRequest, Write, Written,
};
use windlass_domain::agent::{Agent, AgentEdit, AgentWithTasks};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{AgentId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::{AgentRow, AgentTaskRow, with_tasks};
use windlass_records::{Audited, page, refuse_in_use};

use crate::error::{read, store_error};
use crate::retry::retrying;
use crate::store::PostgresStore;
use crate::write::Begun;

#[async_trait]
impl Agents for PostgresStore {
    async fn create(
        &self,
        write: Write,
        agent: Agent,
    ) -> Result<Written<AgentWithTasks>, WriteError> {
        retrying(|| self.create_agent(write.clone(), agent.clone())).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &AgentId,
    ) -> Result<Option<AgentWithTasks>, StoreError> {
        let organization_id = organization.organization_id();
        let mut open = self.read(organization).await?;
        let row: Option<AgentRow> = sqlx::query_as(
            "SELECT id, name, description, created_at, updated_at
             FROM agent
             WHERE organization_id = $1 AND id = $2",
        )
        .bind(Id(organization_id.uuid()))
        .bind(id.as_str())
        .fetch_optional(&mut *open)
        .await
        .map_err(store_error)?;
        let Some(agent) = row.map(read).transpose()? else {
            return Ok(None);
        };
        let mut agents = load_tasks(&mut open, organization_id, vec![agent]).await?;
        Ok(agents.pop())
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<AgentWithTasks>, StoreError> {
        let organization_id = organization.organization_id();
        let mut query = QueryBuilder::new(
            "SELECT id, name, description, created_at, updated_at
             FROM agent
             WHERE organization_id = ",
        );
        query.push_bind(Id(organization_id.uuid()));
        page::push_page_by_creation(&mut query, "agent", created, &page);
        let mut open = self.read(organization).await?;
        let rows: Vec<AgentRow> = query
            .build_query_as()
            .fetch_all(&mut *open)
            .await
            .map_err(store_error)?;
        let page = page::cut(rows, &page).read(read)?;
        Ok(Page {
            items: load_tasks(&mut open, organization_id, page.items).await?,
            has_more: page.has_more,
        })
    }

    async fn update(
        &self,
        write: Write,
        id: &AgentId,
        edit: AgentEdit,
    ) -> Result<Written<AgentWithTasks>, WriteError> {
        retrying(|| self.update_agent(write.clone(), id, edit.clone())).await
    }

    async fn delete(&self, write: Write, id: &AgentId) -> Result<Written<()>, WriteError> {
        retrying(|| self.delete_agent(write.clone(), id)).await
    }
}

impl PostgresStore {
    async fn create_agent(
        &self,
        write: Write,
        agent: Agent,
    ) -> Result<Written<AgentWithTasks>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let inserted = sqlx::query(
            "INSERT INTO agent (organization_id, id, name, description, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (organization_id, id) DO NOTHING",
        )
        .bind(Id(organization_id.uuid()))
        .bind(agent.id.as_str())
        .bind(&agent.name)
        .bind(&agent.description)
        .bind(At(agent.created_at))
        .bind(At(agent.updated_at))
        .execute(transaction.connection())
        .await
        .map_err(store_error)?;
        if inserted.rows_affected() == 0 {
            return Err(WriteError::IdTaken);
        }
        let event = EventData::Agent(agent.clone());
        transaction.emit(EventType::AgentCreated, agent.created_at, event);
        let audited = Audited::new("agent.create", &agent.id);
        let created = AgentWithTasks {
            agent,
            tasks: Vec::new(),
        };
        transaction
            .commit(Outcome::Agent(&created), Some(audited))
            .await?;
        Ok(Written::Done(created))
    }

    async fn update_agent(
        &self,
        write: Write,
        id: &AgentId,
        edit: AgentEdit,
    ) -> Result<Written<AgentWithTasks>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let before = lock(transaction.connection(), organization_id, id).await?;
        let edited = before.edited(&edit, transaction.at());
        if let Some(agent) = &edited {
            sqlx::query(
                "UPDATE agent
                 SET name = $1, description = $2, updated_at = $3
                 WHERE organization_id = $4 AND id = $5",
            )
            .bind(&agent.name)
            .bind(&agent.description)
            .bind(At(agent.updated_at))
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
            let event = EventData::Agent(agent.clone());
            transaction.emit(EventType::AgentUpdated, agent.updated_at, event);
        }
        let audited = edited.is_some().then(|| Audited::new("agent.update", id));
        let agents = vec![edited.unwrap_or(before)];
        let mut agents = load_tasks(transaction.connection(), organization_id, agents).await?;
        let agent = agents.pop().ok_or(WriteError::NotFound)?;
        transaction.commit(Outcome::Agent(&agent), audited).await?;
        Ok(Written::Done(agent))
    }

    async fn delete_agent(&self, write: Write, id: &AgentId) -> Result<Written<()>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let agent = lock(transaction.connection(), organization_id, id).await?;
        // Counted after the lock: a task that was being made has been committed, and no other is.
        let tasks: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM task WHERE organization_id = $1 AND agent_id = $2",
        )
        .bind(Id(organization_id.uuid()))
        .bind(id.as_str())
        .fetch_one(transaction.connection())
        .await
        .map_err(store_error)?;
        refuse_in_use(&[(tasks, "task")])?;
        sqlx::query("DELETE FROM agent WHERE organization_id = $1 AND id = $2")
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        let at = transaction.at().following(agent.updated_at);
        transaction.emit(EventType::AgentDeleted, at, EventData::Agent(agent));
        let audited = Audited::new("agent.delete", id);
        transaction.commit_deletion(audited).await
    }
}

/// Keeps an agent from being deleted until the end of the transaction, for what refers to it anew.
///
/// # Errors
/// `ReferenceGone` where it is deleted.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &AgentId,
) -> Result<(), WriteError> {
    let held: Option<i64> = sqlx::query_scalar(
        "SELECT 1::bigint
         FROM agent
         WHERE organization_id = $1 AND id = $2
         FOR KEY SHARE",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    held.map(|_| ()).ok_or(WriteError::ReferenceGone {
        what: Resource::Agent,
    })
}

/// The agent of this id, which nothing can refer to anew until the end of the transaction.
async fn lock(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &AgentId,
) -> Result<Agent, WriteError> {
    let row: Option<AgentRow> = sqlx::query_as(
        "SELECT id, name, description, created_at, updated_at
         FROM agent
         WHERE organization_id = $1 AND id = $2
         FOR UPDATE",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(read(row.ok_or(WriteError::NotFound)?)?)
}

/// These agents with their tasks, by one statement for all.
async fn load_tasks(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    agents: Vec<Agent>,
) -> Result<Vec<AgentWithTasks>, StoreError> {
    if agents.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = agents.iter().map(|agent| agent.id.as_str()).collect();
    // In the order of the index by agent, so that a page of agents reads the tasks of those only.
    let rows: Vec<AgentTaskRow> = sqlx::query_as(
        "SELECT task.agent_id, task.id, task_version.name, task_version.status
         FROM task
         JOIN task_version
           ON task_version.organization_id = task.organization_id
          AND task_version.task_id = task.id
          AND task_version.version = task.version
         WHERE task.organization_id = $1 AND task.agent_id = ANY($2)
         ORDER BY task.agent_id, task.created_at, task.id",
    )
    .bind(Id(organization_id.uuid()))
    .bind(ids)
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let tasks = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(with_tasks(agents, tasks))
}
