//! Playbooks, kept in versions.

use async_trait::async_trait;
use rusqlite::params;
use serde_json::Value;
use windlass_application::ports::{Playbooks, StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Write, Written};
use windlass_domain::id::{OrganizationId, SourceId, TaskId};
use windlass_domain::playbook::Playbook;
use windlass_records::Audited;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{PlaybookRow, playbook_name};

use crate::connection::Connection;
use crate::error::{corrupt, read};
use crate::sources;
use crate::store::SqliteStore;
use crate::tasks;
use crate::write::WriteTransaction;

#[async_trait]
impl Playbooks for SqliteStore {
    async fn put(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
        document: Value,
    ) -> Result<Written<Playbook>, WriteError> {
        let task_id = task_id.clone();
        let source_id = source_id.clone();
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let at = transaction.at();
            let task =
                tasks::load(transaction, organization_id, &task_id)?.ok_or(WriteError::NotFound)?;
            sources::load(transaction, organization_id, &source_id)?.ok_or(
                WriteError::ReferenceGone {
                    what: Resource::Source,
                },
            )?;
            let before = load(transaction, organization_id, &task_id, &source_id)?;
            let playbook = Playbook {
                task_id: task_id.clone(),
                source_id: source_id.clone(),
                version: next_version(transaction, organization_id, &task_id, &source_id)?,
                document,
                created_at: before.as_ref().map_or(at, |before| before.created_at),
                updated_at: before.map_or(at, |before| at.following(before.updated_at)),
            };
            insert(transaction, organization_id, &playbook)?;
            tasks::keep_change(transaction, task.with_playbook(at).as_ref())?;
            let audited = Audited::new("playbook.put", &playbook_name(&task_id, &source_id));
            transaction.keep(Outcome::Playbook(&playbook), Some(audited))?;
            Ok(playbook)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
        source_id: &SourceId,
    ) -> Result<Option<Playbook>, StoreError> {
        self.look(|connection| {
            let organization_id = organization.organization_id();
            load(connection, organization_id, task_id, source_id)
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
    ) -> Result<Vec<Playbook>, StoreError> {
        let task_id = task_id.clone();
        let rows: Vec<PlaybookRow> = self
            .read(move |connection| {
                connection.rows(
                    "SELECT playbook.task_id, playbook.source_id, playbook.version,
                            playbook_version.document, playbook.created_at, playbook.updated_at
                     FROM playbook
                     JOIN playbook_version USING (organization_id, task_id, source_id, version)
                     WHERE playbook.organization_id = ? AND playbook.task_id = ?
                     ORDER BY playbook.source_id",
                    params![Id(organization.organization_id().uuid()), task_id.as_str()],
                )
            })
            .await?;
        rows.into_iter().map(read).collect()
    }

    async fn delete(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
    ) -> Result<Written<()>, WriteError> {
        let task_id = task_id.clone();
        let source_id = source_id.clone();
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            load(transaction, organization_id, &task_id, &source_id)?
                .ok_or(WriteError::NotFound)?;
            drop_playbook(
                transaction,
                organization_id,
                task_id.as_str(),
                source_id.as_str(),
            )?;
            let audited = Audited::new("playbook.delete", &playbook_name(&task_id, &source_id));
            leave_task(transaction, organization_id, &task_id)?;
            transaction.keep_deletion(audited)
        })
        .await
    }
}

/// The document of one version, also of a playbook that was dropped since.
pub(crate) fn document(
    connection: &Connection,
    organization_id: OrganizationId,
    task_id: &TaskId,
    source_id: &SourceId,
    version: u32,
) -> Result<Option<Value>, StoreError> {
    let document: Option<String> = connection.value(
        "SELECT document
         FROM playbook_version
         WHERE organization_id = ? AND task_id = ? AND source_id = ? AND version = ?",
        params![
            Id(organization_id.uuid()),
            task_id.as_str(),
            source_id.as_str(),
            version
        ],
    )?;
    let document = document.as_deref().map(windlass_records::read);
    document.transpose().map_err(|error| {
        corrupt(
            "playbook_version",
            &playbook_name(task_id, source_id),
            &error,
        )
    })
}

/// Drops the playbooks of a source that is deleted: they lead through what is no longer there.
pub(crate) fn drop_of_source(
    transaction: &mut WriteTransaction<'_, '_>,
    organization_id: OrganizationId,
    source_id: &SourceId,
) -> Result<(), StoreError> {
    let task_ids: Vec<String> = transaction.values(
        "SELECT task_id
         FROM playbook
         WHERE organization_id = ? AND source_id = ?
         ORDER BY task_id",
        params![Id(organization_id.uuid()), source_id.as_str()],
    )?;
    for task_id in &task_ids {
        drop_playbook(transaction, organization_id, task_id, source_id.as_str())?;
        let task_id = TaskId::parse(task_id)
            .map_err(|error| corrupt("playbook", &playbook_name(task_id, source_id), &error))?;
        leave_task(transaction, organization_id, &task_id)?;
    }
    Ok(())
}

/// What becomes of a task of which a playbook was dropped: it is learning where that was the last.
fn leave_task(
    transaction: &mut WriteTransaction<'_, '_>,
    organization_id: OrganizationId,
    task_id: &TaskId,
) -> Result<(), StoreError> {
    let at = transaction.at();
    let has_more: bool = transaction.only_value(
        "SELECT EXISTS (SELECT 1 FROM playbook WHERE organization_id = ? AND task_id = ?)",
        params![Id(organization_id.uuid()), task_id.as_str()],
    )?;
    if has_more {
        return Ok(());
    }
    let task = tasks::load(transaction, organization_id, task_id)?;
    let learning = task.and_then(|task| task.without_playbooks(at));
    tasks::keep_change(transaction, learning.as_ref())
}

/// Drops the playbooks of a task that is deleted.
pub(crate) fn drop_of_task(
    connection: &Connection,
    organization_id: OrganizationId,
    task_id: &TaskId,
) -> Result<(), StoreError> {
    let source_ids: Vec<String> = connection.values(
        "SELECT source_id FROM playbook WHERE organization_id = ? AND task_id = ?",
        params![Id(organization_id.uuid()), task_id.as_str()],
    )?;
    for source_id in &source_ids {
        drop_playbook(connection, organization_id, task_id.as_str(), source_id)?;
    }
    Ok(())
}

/// Drops a playbook. Its versions stay as long as its task: a run that is just started may have read
/// the newest, and no later playbook may have its number.
fn drop_playbook(
    connection: &Connection,
    organization_id: OrganizationId,
    task_id: &str,
    source_id: &str,
) -> Result<(), StoreError> {
    connection.change(
        "DELETE FROM playbook WHERE organization_id = ? AND task_id = ? AND source_id = ?",
        params![Id(organization_id.uuid()), task_id, source_id],
    )?;
    Ok(())
}

fn load(
    connection: &Connection,
    organization_id: OrganizationId,
    task_id: &TaskId,
    source_id: &SourceId,
) -> Result<Option<Playbook>, StoreError> {
    let row: Option<PlaybookRow> = connection.row(
        "SELECT playbook.task_id, playbook.source_id, playbook.version,
                playbook_version.document, playbook.created_at, playbook.updated_at
         FROM playbook
         JOIN playbook_version USING (organization_id, task_id, source_id, version)
         WHERE playbook.organization_id = ? AND playbook.task_id = ? AND playbook.source_id = ?",
        params![
            Id(organization_id.uuid()),
            task_id.as_str(),
            source_id.as_str()
        ],
    )?;
    row.map(read).transpose()
}

/// Above every version that there was since the task was made.
fn next_version(
    connection: &Connection,
    organization_id: OrganizationId,
    task_id: &TaskId,
    source_id: &SourceId,
) -> Result<u32, StoreError> {
    connection.only_value(
        "SELECT ifnull(max(version), 0) + 1
         FROM playbook_version
         WHERE organization_id = ? AND task_id = ? AND source_id = ?",
        params![
            Id(organization_id.uuid()),
            task_id.as_str(),
            source_id.as_str()
        ],
    )
}

fn insert(
    connection: &Connection,
    organization_id: OrganizationId,
    playbook: &Playbook,
) -> Result<(), StoreError> {
    connection.change(
        "INSERT INTO playbook_version (organization_id, task_id, source_id, version, document)
         VALUES (?, ?, ?, ?, ?)",
        params![
            Id(organization_id.uuid()),
            playbook.task_id.as_str(),
            playbook.source_id.as_str(),
            playbook.version,
            windlass_records::write(&playbook.document)
        ],
    )?;
    connection.change(
        "INSERT INTO playbook
             (organization_id, task_id, source_id, version, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (organization_id, task_id, source_id)
         DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at",
        params![
            Id(organization_id.uuid()),
            playbook.task_id.as_str(),
            playbook.source_id.as_str(),
            playbook.version,
            At(playbook.created_at),
            At(playbook.updated_at)
        ],
    )?;
    Ok(())
}
