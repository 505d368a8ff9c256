//! Tasks, kept in immutable versions.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::postgres::PgConnection;
use windlass_application::ports::tasks::TaskFilter;
use windlass_application::ports::{StoreError, Tasks, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::Timestamp;
use windlass_domain::event::{EventData, EventType, TaskEventSummary};
use windlass_domain::id::{OrganizationId, TaskId};
use windlass_domain::task::{Task, TaskEdit};
use windlass_records::columns::{At, Count, Id};
use windlass_records::rows::TaskRow;
use windlass_records::{Audited, StorageSettingsRecord, TaskSettingsRecord, page, refuse_in_use};

use crate::agents;
use crate::error::{corrupt, read, store_error};
use crate::open::Role;
use crate::playbooks;
use crate::retry::retrying;
use crate::runs::unfinished;
use crate::store::PostgresStore;
use crate::write::{Begun, WriteTransaction};

#[async_trait]
impl Tasks for PostgresStore {
    async fn create(&self, write: Write, task: Task) -> Result<Written<Task>, WriteError> {
        retrying(|| self.create_task(write.clone(), task.clone())).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        let mut open = self.read(organization).await?;
        load(&mut open, organization.organization_id(), id).await
    }

    async fn get_version(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
        version: u32,
    ) -> Result<Option<Task>, StoreError> {
        let mut open = self.read(organization).await?;
        load_version(&mut open, organization.organization_id(), id, version).await
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
        let mut open = self.read(organization).await?;
        let rows: Vec<TaskRow> = query
            .build_query_as()
            .fetch_all(&mut *open)
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
        retrying(|| self.update_task(write.clone(), id, edit.clone())).await
    }

    async fn reset(&self, write: Write, id: &TaskId) -> Result<Written<Task>, WriteError> {
        retrying(|| self.reset_task(write.clone(), id)).await
    }

    async fn delete(&self, write: Write, id: &TaskId) -> Result<Written<()>, WriteError> {
        // It takes playbooks along, which a source that is deleted at the same moment takes too.
        retrying(|| self.delete_task(write.clone(), id)).await
    }
}

impl PostgresStore {
    async fn create_task(&self, write: Write, mut task: Task) -> Result<Written<Task>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let connection = transaction.connection();
        if load(connection, organization_id, &task.id).await?.is_some() {
            return Err(WriteError::IdTaken);
        }
        agents::hold(connection, organization_id, &task.agent_id).await?;
        let kept = kept(connection, organization_id, &task.id).await?;
        task = task.made_after(kept);
        if !insert(connection, organization_id, &task).await? {
            // Another one of this id was made at the same moment.
            return Err(WriteError::IdTaken);
        }
        let event = EventData::Task(TaskEventSummary::from(&task));
        transaction.emit(EventType::TaskCreated, task.created_at, event);
        let audited = Audited::new("task.create", &task.id);
        transaction
            .commit(Outcome::Task(&task), Some(audited))
            .await?;
        Ok(Written::Done(task))
    }

    async fn update_task(
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
        let connection = transaction.connection();
        let before = lock_for_change(connection, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let edited = before.edited(&edit, transaction.at());
        let audited = edited.is_some().then(|| Audited::new("task.update", id));
        keep_change(&mut transaction, edited.as_ref()).await?;
        let task = edited.unwrap_or(before);
        transaction.commit(Outcome::Task(&task), audited).await?;
        Ok(Written::Done(task))
    }

    async fn reset_task(&self, write: Write, id: &TaskId) -> Result<Written<Task>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let connection = transaction.connection();
        let before = lock_for_change(connection, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let task = before.reset(transaction.at());
        keep_version(transaction.connection(), organization_id, &task).await?;
        let event = EventData::Task(TaskEventSummary::from(&task));
        transaction.emit(EventType::TaskReset, task.updated_at, event);
        let audited = Audited::new("task.reset", id);
        transaction
            .commit(Outcome::Task(&task), Some(audited))
            .await?;
        Ok(Written::Done(task))
    }

    async fn delete_task(&self, write: Write, id: &TaskId) -> Result<Written<()>, WriteError> {
        // Runs that hold it are found beside those of others: each statement names its organization.
        let mut transaction = match self.begin_write_as(Role::Owner, write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let connection = transaction.connection();
        if !lock(connection, organization_id, id).await? {
            return Err(WriteError::NotFound);
        }
        // Read after the lock: what was being made has been committed, and nothing else is.
        let task = load(connection, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let runs = unfinished::of_task(connection, organization_id, id).await?;
        refuse_in_use(&[(runs, "task run")])?;
        playbooks::drop_of_task(connection, organization_id, id).await?;
        drop_task(connection, organization_id, id).await?;
        if !task.is_of_this_moment(transaction.at()) {
            drop_versions(transaction.connection(), organization_id, id).await?;
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
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<Option<Task>, StoreError> {
    let row: Option<TaskRow> = sqlx::query_as(
        "SELECT task_version.task_id, task_version.version, task_version.agent_id,
                task_version.name, task_version.prompt, task_version.status,
                task_version.input_schema, task_version.output_schema, task_version.storage,
                task_version.settings, task_version.created_at, task_version.updated_at
         FROM task
         JOIN task_version
           ON task_version.organization_id = task.organization_id
          AND task_version.task_id = task.id
          AND task_version.version = task.version
         WHERE task.organization_id = $1 AND task.id = $2",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// Keeps a task from being deleted until the end of the transaction, for a run that is started.
///
/// # Errors
/// `ReferenceGone` where it is deleted.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &TaskId,
    created_at: Timestamp,
) -> Result<(), WriteError> {
    let held: Option<i64> = sqlx::query_scalar(
        "SELECT 1::bigint
         FROM task
         WHERE organization_id = $1 AND id = $2 AND created_at = $3
         FOR KEY SHARE",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .bind(At(created_at))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    held.map(|_| ()).ok_or(WriteError::ReferenceGone {
        what: Resource::Task,
    })
}

/// One version of a task, also of one that was deleted since.
pub(crate) async fn load_version(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &TaskId,
    version: u32,
) -> Result<Option<Task>, StoreError> {
    let row: Option<TaskRow> = sqlx::query_as(
        "SELECT task_id, version, agent_id, name, prompt, status, input_schema, output_schema,
                storage, settings, created_at, updated_at
         FROM task_version
         WHERE organization_id = $1 AND task_id = $2 AND version = $3",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .bind(Count(version))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// Whether the task is there; nothing can refer to it anew until the end of the transaction.
async fn lock(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<bool, StoreError> {
    let locked: Option<i64> = sqlx::query_scalar(
        "SELECT version FROM task WHERE organization_id = $1 AND id = $2 FOR UPDATE",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(locked.is_some())
}

/// The task, which changes in this transaction alone until its end, as do its playbooks; runs of it are
/// started meanwhile. None where it is not there.
pub(crate) async fn lock_for_change(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<Option<Task>, StoreError> {
    let locked: Option<i64> = sqlx::query_scalar(
        "SELECT version
         FROM task
         WHERE organization_id = $1 AND id = $2
         FOR NO KEY UPDATE",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(&mut *connection)
    .await
    .map_err(store_error)?;
    match locked {
        // Read after the lock, so that versions follow one another.
        Some(_) => load(connection, organization_id, id).await,
        None => Ok(None),
    }
}

/// Above every version that is kept: runs of a deleted task keep theirs, and its id may be taken
/// again.
async fn kept(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<Option<(u32, Timestamp)>, StoreError> {
    let (version, created_at): (Option<Count>, Option<At>) = sqlx::query_as(
        "SELECT max(version), max(created_at)
         FROM task_version
         WHERE organization_id = $1 AND task_id = $2",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    let version = version.map(|version| version.0);
    Ok(version.zip(created_at.map(|at| at.0)))
}

/// Keeps a version of a task; says whether its number was free.
async fn insert_version(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    task: &Task,
) -> Result<bool, StoreError> {
    let storage = task.storage.as_ref().map(StorageSettingsRecord::from);
    let inserted = sqlx::query(
        "INSERT INTO task_version
             (organization_id, task_id, version, agent_id, name, prompt, status, input_schema,
              output_schema, storage, settings, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (organization_id, task_id, version) DO NOTHING",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task.id.as_str())
    .bind(Count(task.version))
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
    Ok(inserted.rows_affected() == 1)
}

/// Keeps a new task in its version; says whether its id was free.
async fn insert(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    task: &Task,
) -> Result<bool, StoreError> {
    if !insert_version(connection, organization_id, task).await? {
        return Ok(false);
    }
    let inserted = sqlx::query(
        "INSERT INTO task (organization_id, id, agent_id, version, created_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (organization_id, id) DO NOTHING",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task.id.as_str())
    .bind(task.agent_id.as_str())
    .bind(Count(task.version))
    .bind(At(task.created_at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(inserted.rows_affected() == 1)
}

/// Keeps the next version of a task, where it has changed, and tells of it.
pub(crate) async fn keep_change(
    transaction: &mut WriteTransaction,
    changed: Option<&Task>,
) -> Result<(), StoreError> {
    let Some(task) = changed else { return Ok(()) };
    let organization_id = transaction.organization_id();
    keep_version(transaction.connection(), organization_id, task).await?;
    let event = EventData::Task(TaskEventSummary::from(task));
    transaction.emit(EventType::TaskUpdated, task.updated_at, event);
    Ok(())
}

/// Keeps the next version of a task, which is locked and whose newest this is from now on.
async fn keep_version(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    task: &Task,
) -> Result<(), StoreError> {
    if !insert_version(connection, organization_id, task).await? {
        let rule = "its newest version has the highest number";
        return Err(corrupt("task", &task.id, &rule));
    }
    sqlx::query("UPDATE task SET version = $1 WHERE organization_id = $2 AND id = $3")
        .bind(Count(task.version))
        .bind(Id(organization_id.uuid()))
        .bind(task.id.as_str())
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Drops a task; its versions, and those of its playbooks, stay while it has runs. No run is being
/// started: that would hold the task.
async fn drop_task(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM task WHERE organization_id = $1 AND id = $2")
        .bind(Id(organization_id.uuid()))
        .bind(id.as_str())
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Drops the versions of a deleted task, and those of its playbooks, where it has no runs.
async fn drop_versions(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<(), StoreError> {
    for versions in [
        "DELETE FROM task_version
         WHERE organization_id = $1 AND task_id = $2
           AND NOT EXISTS (SELECT 1 FROM run WHERE organization_id = $1 AND task_id = $2)",
        "DELETE FROM playbook_version
         WHERE organization_id = $1 AND task_id = $2
           AND NOT EXISTS (SELECT 1 FROM run WHERE organization_id = $1 AND task_id = $2)",
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
