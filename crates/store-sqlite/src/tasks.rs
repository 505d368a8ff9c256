//! Tasks, kept in immutable versions.

use async_trait::async_trait;
use rusqlite::params;
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
use crate::connection::Connection;
use crate::error::read;
use crate::playbooks;
use crate::query::Query;
use crate::runs::unfinished;
use crate::store::SqliteStore;
use crate::write::WriteTransaction;

#[async_trait]
impl Tasks for SqliteStore {
    async fn create(&self, write: Write, mut task: Task) -> Result<Written<Task>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            if load(transaction, organization_id, &task.id)?.is_some() {
                return Err(WriteError::IdTaken);
            }
            agents::load(transaction, organization_id, &task.agent_id)?.ok_or(
                WriteError::ReferenceGone {
                    what: Resource::Agent,
                },
            )?;
            let kept = kept(transaction, organization_id, &task.id)?;
            task = task.made_after(kept);
            insert(transaction, organization_id, &task)?;
            let event = EventData::Task(TaskEventSummary::from(&task));
            transaction.tell(EventType::TaskCreated, task.created_at, event);
            let audited = Audited::new("task.create", &task.id);
            transaction.keep(Outcome::Task(&task), Some(audited))?;
            Ok(task)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
    ) -> Result<Option<Task>, StoreError> {
        self.look(|connection| load(connection, organization.organization_id(), id))
            .await
    }

    async fn get_version(
        &self,
        organization: OrganizationContext,
        id: &TaskId,
        version: u32,
    ) -> Result<Option<Task>, StoreError> {
        self.look(|connection| {
            let organization_id = organization.organization_id();
            load_version(connection, organization_id, id, version)
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: TaskFilter,
        page: PageRequest,
    ) -> Result<Page<Task>, StoreError> {
        let mut query = Query::new(
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
        let rows: Vec<TaskRow> = self
            .read(move |connection| connection.rows_of(query))
            .await?;
        page::cut(rows, &page).read(read)
    }

    async fn update(
        &self,
        write: Write,
        id: &TaskId,
        edit: TaskEdit,
    ) -> Result<Written<Task>, WriteError> {
        let id = id.clone();
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let before = load(transaction, organization_id, &id)?.ok_or(WriteError::NotFound)?;
            let edited = before.edited(&edit, transaction.at());
            let audited = edited.is_some().then(|| Audited::new("task.update", &id));
            keep_change(transaction, edited.as_ref())?;
            let task = edited.unwrap_or(before);
            transaction.keep(Outcome::Task(&task), audited)?;
            Ok(task)
        })
        .await
    }

    async fn reset(&self, write: Write, id: &TaskId) -> Result<Written<Task>, WriteError> {
        let id = id.clone();
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let before = load(transaction, organization_id, &id)?.ok_or(WriteError::NotFound)?;
            let task = before.reset(transaction.at());
            keep_version(transaction, organization_id, &task)?;
            let event = EventData::Task(TaskEventSummary::from(&task));
            transaction.tell(EventType::TaskReset, task.updated_at, event);
            let audited = Audited::new("task.reset", &id);
            transaction.keep(Outcome::Task(&task), Some(audited))?;
            Ok(task)
        })
        .await
    }

    async fn delete(&self, write: Write, id: &TaskId) -> Result<Written<()>, WriteError> {
        let id = id.clone();
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let task = load(transaction, organization_id, &id)?.ok_or(WriteError::NotFound)?;
            let runs = unfinished::of_task(transaction, organization_id, &id)?;
            refuse_in_use(&[(runs, "task run")])?;
            playbooks::drop_of_task(transaction, organization_id, &id)?;
            drop_task(transaction, organization_id, &id)?;
            if !task.is_of_this_moment(transaction.at()) {
                drop_versions(transaction, organization_id, &id)?;
            }
            let at = transaction.at().following(task.updated_at);
            let event = EventData::Task(TaskEventSummary::from(&task));
            transaction.tell(EventType::TaskDeleted, at, event);
            let audited = Audited::new("task.delete", &id);
            transaction.keep_deletion(audited)
        })
        .await
    }
}

/// The newest version of a task.
pub(crate) fn load(
    connection: &Connection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<Option<Task>, StoreError> {
    let version: Option<u32> = connection.value(
        "SELECT version FROM task WHERE organization_id = ? AND id = ?",
        params![Id(organization_id.uuid()), id.as_str()],
    )?;
    match version {
        Some(version) => load_version(connection, organization_id, id, version),
        None => Ok(None),
    }
}

/// One version of a task, also of one that was deleted since.
pub(crate) fn load_version(
    connection: &Connection,
    organization_id: OrganizationId,
    id: &TaskId,
    version: u32,
) -> Result<Option<Task>, StoreError> {
    let row: Option<TaskRow> = connection.row(
        "SELECT task_id, version, agent_id, name, prompt, status, input_schema, output_schema,
                storage, settings, created_at, updated_at
         FROM task_version
         WHERE organization_id = ? AND task_id = ? AND version = ?",
        params![Id(organization_id.uuid()), id.as_str(), version],
    )?;
    row.map(read).transpose()
}

/// What is kept of deleted tasks of this id, which may be taken again: the last version, and when the
/// last of them was made.
fn kept(
    connection: &Connection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<Option<(u32, Timestamp)>, StoreError> {
    let (version, created_at): (Option<u32>, Option<At>) = connection.only_row(
        "SELECT max(version), max(created_at)
         FROM task_version
         WHERE organization_id = ? AND task_id = ?",
        params![Id(organization_id.uuid()), id.as_str()],
    )?;
    Ok(version.zip(created_at.map(|at| at.0)))
}

fn insert_version(
    connection: &Connection,
    organization_id: OrganizationId,
    task: &Task,
) -> Result<(), StoreError> {
    let storage = task.storage.as_ref().map(StorageSettingsRecord::from);
    connection.change(
        "INSERT INTO task_version
             (organization_id, task_id, version, agent_id, name, prompt, status, input_schema,
              output_schema, storage, settings, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(organization_id.uuid()),
            task.id.as_str(),
            task.version,
            task.agent_id.as_str(),
            &task.name,
            &task.prompt,
            task.status.as_str(),
            task.input_schema.as_ref().map(windlass_records::write),
            task.output_schema.as_ref().map(windlass_records::write),
            storage.as_ref().map(windlass_records::write),
            windlass_records::write(&TaskSettingsRecord::from(&task.settings)),
            At(task.created_at),
            At(task.updated_at)
        ],
    )?;
    Ok(())
}

fn insert(
    connection: &Connection,
    organization_id: OrganizationId,
    task: &Task,
) -> Result<(), StoreError> {
    insert_version(connection, organization_id, task)?;
    connection.change(
        "INSERT INTO task (organization_id, id, agent_id, version, created_at)
         VALUES (?, ?, ?, ?, ?)",
        params![
            Id(organization_id.uuid()),
            task.id.as_str(),
            task.agent_id.as_str(),
            task.version,
            At(task.created_at)
        ],
    )?;
    Ok(())
}

/// Keeps the next version of a task, where it has changed, and tells of it.
pub(crate) fn keep_change(
    transaction: &mut WriteTransaction<'_, '_>,
    changed: Option<&Task>,
) -> Result<(), StoreError> {
    let Some(task) = changed else { return Ok(()) };
    let organization_id = transaction.organization_id();
    keep_version(transaction, organization_id, task)?;
    let event = EventData::Task(TaskEventSummary::from(task));
    transaction.tell(EventType::TaskUpdated, task.updated_at, event);
    Ok(())
}

/// Keeps the next version of a task, which is its newest from now on.
fn keep_version(
    connection: &Connection,
    organization_id: OrganizationId,
    task: &Task,
) -> Result<(), StoreError> {
    insert_version(connection, organization_id, task)?;
    connection.change(
        "UPDATE task SET version = ? WHERE organization_id = ? AND id = ?",
        params![task.version, Id(organization_id.uuid()), task.id.as_str()],
    )?;
    Ok(())
}

fn drop_task(
    connection: &Connection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<(), StoreError> {
    connection.change(
        "DELETE FROM task WHERE organization_id = ? AND id = ?",
        params![Id(organization_id.uuid()), id.as_str()],
    )?;
    Ok(())
}

/// Drops the versions of a deleted task, and those of its playbooks, where it has no runs.
fn drop_versions(
    connection: &Connection,
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
        connection.change(versions, params![Id(organization_id.uuid()), id.as_str()])?;
    }
    Ok(())
}
