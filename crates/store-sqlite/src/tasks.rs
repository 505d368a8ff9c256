//! Tasks, kept in immutable versions.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::tasks::TaskFilter;
use windlass_application::ports::{StoreError, Tasks, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::Timestamp;
use windlass_domain::event::{EventData, EventType, TaskEventSummary};
use windlass_domain::id::{OrganizationId, TaskId};
use windlass_domain::task::{Task, TaskEdit};
use windlass_records::columns::{At, Id};
use windlass_records::rows::TaskRow;
use windlass_records::{Audited, StorageSettingsRecord, TaskSettingsRecord, page, refuse_in_use};

use crate::agents;
use crate::error::{read, store_error};
use crate::playbooks;
use crate::runs::unfinished;
use crate::store::SqliteStore;
use crate::write::{Begun, WriteTransaction};

#[async_trait]
impl Tasks for SqliteStore {
    async fn create(&self, write: Write, mut task: Task) -> Result<Written<Task>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let connection = transaction.connection().await?;
        if load(connection, organization_id, &task.id).await?.is_some() {
            return Err(WriteError::IdTaken);
        }
        agents::load(connection, organization_id, &task.agent_id)
            .await?
            .ok_or(WriteError::ReferenceGone {
                what: Resource::Agent,
            })?;
        let kept = kept(connection, organization_id, &task.id).await?;
        task = task.made_after(kept);
        insert(connection, organization_id, &task).await?;
        let event = EventData::Task(TaskEventSummary::from(&task));
        transaction.emit(EventType::TaskCreated, task.created_at, event);
        let audited = Audited::new("task.create", &task.id);
        transaction
            .commit(Outcome::Task(&task), Some(audited))
            .await?;
        Ok(Written::Done(task))
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        let mut connection = self.reader().await?;
        load(&mut connection, organization.organization_id(), id).await
    }

    async fn get_version(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
        version: u32,
    ) -> Result<Option<Task>, StoreError> {
        let mut connection = self.reader().await?;
        let organization_id = organization.organization_id();
        load_version(&mut connection, organization_id, id, version).await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>, StoreError> {
        let mut query = QueryBuilder::new(
            "SELECT task_version.task_id, task_version.version, task_version.agent_id,
                    task_version.name, task_version.prompt, task_version.status,
                    task_version.input_schema, task_version.output_schema, task_version.storage,
                    task_version.settings, task_version.created_at, task_version.updated_at
             FROM task
             JOIN task_version
               ON task_version.organization_id = task.organization_id
              AND task_version.task_id = task.id
              AND task_version.version = task.version
             WHERE task.organization_id = ",
        );
        query.push_bind(Id(organization.organization_id().uuid()));
        if let Some(agent_id) = filter.agent_id {
            query.push(" AND task.agent_id = ");
            query.push_bind(agent_id.to_string());
        }
        let statuses = filter.statuses.iter().map(ToString::to_string);
        page::push_one_of(&mut query, "task_version.status", statuses);
        page::push_page_by_creation(&mut query, "task", filter.created, &page);
        let rows: Vec<TaskRow> = query
            .build_query_as()
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(store_error)?;
        page::cut(rows, &page).read(read)
    }

    async fn update(
        &self,
        write: Write,
        id: &TaskId,
        edit: TaskEdit,
    ) -> Result<Written<Task>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let before = load(transaction.connection().await?, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let edited = before.edited(&edit, transaction.at());
        let audited = edited.is_some().then(|| Audited::new("task.update", id));
        keep_change(&mut transaction, edited.as_ref()).await?;
        let task = edited.unwrap_or(before);
        transaction.commit(Outcome::Task(&task), audited).await?;
        Ok(Written::Done(task))
    }

    async fn reset(&self, write: Write, id: &TaskId) -> Result<Written<Task>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let before = load(transaction.connection().await?, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let task = before.reset(transaction.at());
        keep_version(transaction.connection().await?, organization_id, &task).await?;
        let event = EventData::Task(TaskEventSummary::from(&task));
        transaction.emit(EventType::TaskReset, task.updated_at, event);
        let audited = Audited::new("task.reset", id);
        transaction
            .commit(Outcome::Task(&task), Some(audited))
            .await?;
        Ok(Written::Done(task))
    }

    async fn delete(&self, write: Write, id: &TaskId) -> Result<Written<()>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let connection = transaction.connection().await?;
        let task = load(connection, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let runs = unfinished::of_task(connection, organization_id, id).await?;
        refuse_in_use(&[(runs, "task run")])?;
        playbooks::drop_of_task(connection, organization_id, id).await?;
        drop_task(connection, organization_id, id).await?;
        if !task.is_of_this_moment(transaction.at()) {
            drop_versions(transaction.connection().await?, organization_id, id).await?;
        }
        let at = transaction.at().following(task.updated_at);
        let event = EventData::Task(TaskEventSummary::from(&task));
        transaction.emit(EventType::TaskDeleted, at, event);
        let audited = Audited::new("task.delete", id);
        transaction.commit_deletion(audited).await
    }
}

/// The newest version of a task.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<Option<Task>, StoreError> {
    let version: Option<u32> =
        sqlx::query_scalar("SELECT version FROM task WHERE organization_id = ? AND id = ?")
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .fetch_optional(&mut *connection)
            .await
            .map_err(store_error)?;
    match version {
        Some(version) => load_version(connection, organization_id, id, version).await,
        None => Ok(None),
    }
}

/// One version of a task, also of one that was deleted since.
pub(crate) async fn load_version(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: &TaskId,
    version: u32,
) -> Result<Option<Task>, StoreError> {
    let row: Option<TaskRow> = sqlx::query_as(
        "SELECT task_id, version, agent_id, name, prompt, status, input_schema, output_schema,
                storage, settings, created_at, updated_at
         FROM task_version
         WHERE organization_id = ? AND task_id = ? AND version = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .bind(version)
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// What is kept of deleted tasks of this id, which may be taken again: the last version, and when the
/// last of them was made.
async fn kept(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<Option<(u32, Timestamp)>, StoreError> {
    let (version, created_at): (Option<u32>, Option<At>) = sqlx::query_as(
        "SELECT max(version), max(created_at)
         FROM task_version
         WHERE organization_id = ? AND task_id = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    Ok(version.zip(created_at.map(|at| at.0)))
}

async fn insert_version(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    task: &Task,
) -> Result<(), StoreError> {
    let storage = task.storage.as_ref().map(StorageSettingsRecord::from);
    sqlx::query(
        "INSERT INTO task_version
             (organization_id, task_id, version, agent_id, name, prompt, status, input_schema,
              output_schema, storage, settings, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task.id.as_str())
    .bind(task.version)
    .bind(task.agent_id.as_str())
    .bind(&task.name)
    .bind(&task.prompt)
    .bind(task.status.as_str())
    .bind(task.input_schema.as_ref().map(windlass_records::write))
    .bind(task.output_schema.as_ref().map(windlass_records::write))
    .bind(storage.as_ref().map(windlass_records::write))
    .bind(windlass_records::write(&TaskSettingsRecord::from(
        &task.settings,
    )))
    .bind(At(task.created_at))
    .bind(At(task.updated_at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn insert(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    task: &Task,
) -> Result<(), StoreError> {
    insert_version(connection, organization_id, task).await?;
    sqlx::query(
        "INSERT INTO task (organization_id, id, agent_id, version, created_at)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task.id.as_str())
    .bind(task.agent_id.as_str())
    .bind(task.version)
    .bind(At(task.created_at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Keeps the next version of a task, where it has changed, and tells of it.
pub(crate) async fn keep_change(
    transaction: &mut WriteTransaction,
    changed: Option<&Task>,
) -> Result<(), StoreError> {
    let Some(task) = changed else { return Ok(()) };
    let organization_id = transaction.organization_id();
    keep_version(transaction.connection().await?, organization_id, task).await?;
    let event = EventData::Task(TaskEventSummary::from(task));
    transaction.emit(EventType::TaskUpdated, task.updated_at, event);
    Ok(())
}

/// Keeps the next version of a task, which is its newest from now on.
async fn keep_version(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    task: &Task,
) -> Result<(), StoreError> {
    insert_version(connection, organization_id, task).await?;
    sqlx::query("UPDATE task SET version = ? WHERE organization_id = ? AND id = ?")
        .bind(task.version)
        .bind(Id(organization_id.uuid()))
        .bind(task.id.as_str())
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn drop_task(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM task WHERE organization_id = ? AND id = ?")
        .bind(Id(organization_id.uuid()))
        .bind(id.as_str())
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Drops the versions of a deleted task, and those of its playbooks, where it has no runs.
async fn drop_versions(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<(), StoreError> {
    for versions in [
        "DELETE FROM task_version
         WHERE organization_id = ?1 AND task_id = ?2
           AND NOT EXISTS (SELECT 1 FROM run WHERE organization_id = ?1 AND task_id = ?2)",
        "DELETE FROM playbook_version
         WHERE organization_id = ?1 AND task_id = ?2
           AND NOT EXISTS (SELECT 1 FROM run WHERE organization_id = ?1 AND task_id = ?2)",
    ] {
        sqlx::query(versions)
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}
