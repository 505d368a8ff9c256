//! Agents, kept.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;
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

use crate::error::{read, store_error};
use crate::store::SqliteStore;
use crate::write::Begun;

#[async_trait]
impl Agents for SqliteStore {
    async fn create(
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
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (organization_id, id) DO NOTHING",
        )
        .bind(Id(organization_id.uuid()))
        .bind(agent.id.as_str())
        .bind(&agent.name)
        .bind(&agent.description)
        .bind(At(agent.created_at))
        .bind(At(agent.updated_at))
        .execute(transaction.connection().await?)
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

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &AgentId,
    ) -> Result<Option<AgentWithTasks>, StoreError> {
        let organization_id = organization.organization_id();
        // One snapshot for the agent and its tasks.
        let mut reader = self.reader().await?;
        let mut snapshot = reader.snapshot().await?;
        let Some(agent) = load(&mut snapshot, organization_id, id).await? else {
            return Ok(None);
        };
        let mut agents = load_tasks(&mut snapshot, organization_id, vec![agent]).await?;
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
        let mut reader = self.reader().await?;
        let mut snapshot = reader.snapshot().await?;
        let rows: Vec<AgentRow> = query
            .build_query_as()
            .fetch_all(&mut *snapshot)
            .await
            .map_err(store_error)?;
        let page = page::cut(rows, &page).read(read)?;
        Ok(Page {
            items: load_tasks(&mut snapshot, organization_id, page.items).await?,
            has_more: page.has_more,
        })
    }

    async fn update(
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
        let before = load(transaction.connection().await?, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let edited = before.edited(&edit, transaction.at());
        if let Some(agent) = &edited {
            sqlx::query(
                "UPDATE agent
                 SET name = ?, description = ?, updated_at = ?
                 WHERE organization_id = ? AND id = ?",
            )
            .bind(&agent.name)
            .bind(&agent.description)
            .bind(At(agent.updated_at))
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
            let event = EventData::Agent(agent.clone());
            transaction.emit(EventType::AgentUpdated, agent.updated_at, event);
        }
        let audited = edited.is_some().then(|| Audited::new("agent.update", id));
        let agents = vec![edited.unwrap_or(before)];
        let mut agents =
            load_tasks(transaction.connection().await?, organization_id, agents).await?;
        let agent = agents.pop().ok_or(WriteError::NotFound)?;
        transaction.commit(Outcome::Agent(&agent), audited).await?;
        Ok(Written::Done(agent))
    }

    async fn delete(&self, write: Write, id: &AgentId) -> Result<Written<()>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let agent = load(transaction.connection().await?, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let tasks: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM task WHERE organization_id = ? AND agent_id = ?",
        )
        .bind(Id(organization_id.uuid()))
        .bind(id.as_str())
        .fetch_one(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        refuse_in_use(&[(tasks, "task")])?;
        sqlx::query("DELETE FROM agent WHERE organization_id = ? AND id = ?")
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        let at = transaction.at().following(agent.updated_at);
        transaction.emit(EventType::AgentDeleted, at, EventData::Agent(agent));
        let audited = Audited::new("agent.delete", id);
        transaction.commit_deletion(audited).await
    }
}

/// The agent of this id.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: &AgentId,
) -> Result<Option<Agent>, StoreError> {
    let row: Option<AgentRow> = sqlx::query_as(
        "SELECT id, name, description, created_at, updated_at
         FROM agent
         WHERE organization_id = ? AND id = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// These agents with their tasks, by one statement for all.
async fn load_tasks(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    agents: Vec<Agent>,
) -> Result<Vec<AgentWithTasks>, StoreError> {
    if agents.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::new(
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
    let rows: Vec<AgentTaskRow> = query
        .build_query_as()
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    let tasks = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(with_tasks(agents, tasks))
}
