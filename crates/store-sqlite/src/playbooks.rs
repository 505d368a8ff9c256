//! Playbooks, kept in versions.

use async_trait::async_trait;
use serde_json::Value;
use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::{Playbooks, StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Write, Written};
use windlass_domain::id::{OrganizationId, SourceId, TaskId};
use windlass_domain::playbook::Playbook;
use windlass_records::Audited;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{PlaybookRow, playbook_name};

use crate::error::{corrupt, read, store_error};
use crate::sources;
use crate::store::SqliteStore;
use crate::tasks;
use crate::write::{Begun, WriteTransaction};

#[async_trait]
impl Playbooks for SqliteStore {
    async fn put(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
        document: Value,
    ) -> Result<Written<Playbook>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let at = transaction.at();
        let connection = transaction.connection().await?;
        let task = tasks::load(connection, organization_id, task_id)
            .await?
            .ok_or(WriteError::NotFound)?;
        sources::load(connection, organization_id, source_id)
            .await?
            .ok_or(WriteError::ReferenceGone {
                what: Resource::Source,
            })?;
        let before = load(connection, organization_id, task_id, source_id).await?;
        let playbook = Playbook {
            task_id: task_id.clone(),
            source_id: source_id.clone(),
            version: next_version(connection, organization_id, task_id, source_id).await?,
            document,
            created_at: before.as_ref().map_or(at, |before| before.created_at),
            updated_at: before.map_or(at, |before| at.following(before.updated_at)),
        };
        insert(connection, organization_id, &playbook).await?;
        tasks::keep_change(&mut transaction, task.with_playbook(at).as_ref()).await?;
        let audited = Audited::new("playbook.put", &playbook_name(task_id, source_id));
        transaction
            .commit(Outcome::Playbook(&playbook), Some(audited))
            .await?;
        Ok(Written::Done(playbook))
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
        source_id: &SourceId,
    ) -> Result<Option<Playbook>, StoreError> {
        let mut connection = self.reader().await?;
        let organization_id = organization.organization_id();
        load(&mut connection, organization_id, task_id, source_id).await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
    ) -> Result<Vec<Playbook>, StoreError> {
        let rows: Vec<PlaybookRow> = sqlx::query_as(
            "SELECT playbook.task_id, playbook.source_id, playbook.version,
                    playbook_version.document, playbook.created_at, playbook.updated_at
             FROM playbook
             JOIN playbook_version USING (organization_id, task_id, source_id, version)
             WHERE playbook.organization_id = ? AND playbook.task_id = ?
             ORDER BY playbook.source_id",
        )
        .bind(Id(organization.organization_id().uuid()))
        .bind(task_id.as_str())
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(read).collect()
    }

    async fn delete(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
    ) -> Result<Written<()>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let connection = transaction.connection().await?;
        load(connection, organization_id, task_id, source_id)
            .await?
            .ok_or(WriteError::NotFound)?;
        drop_playbook(
            connection,
            organization_id,
            task_id.as_str(),
            source_id.as_str(),
        )
        .await?;
        let audited = Audited::new("playbook.delete", &playbook_name(task_id, source_id));
        leave_task(&mut transaction, organization_id, task_id).await?;
        transaction.commit_deletion(audited).await
    }
}

/// The document of one version, also of a playbook that was dropped since.
pub(crate) async fn document(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    task_id: &TaskId,
    source_id: &SourceId,
    version: u32,
) -> Result<Option<Value>, StoreError> {
    let document: Option<String> = sqlx::query_scalar(
        "SELECT document
         FROM playbook_version
         WHERE organization_id = ? AND task_id = ? AND source_id = ? AND version = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task_id.as_str())
    .bind(source_id.as_str())
    .bind(version)
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
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
pub(crate) async fn drop_of_source(
    transaction: &mut WriteTransaction,
    organization_id: OrganizationId,
    source_id: &SourceId,
) -> Result<(), StoreError> {
    let connection = transaction.connection().await?;
    let task_ids: Vec<String> = sqlx::query_scalar(
        "SELECT task_id
         FROM playbook
         WHERE organization_id = ? AND source_id = ?
         ORDER BY task_id",
    )
    .bind(Id(organization_id.uuid()))
    .bind(source_id.as_str())
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    for task_id in &task_ids {
        let connection = transaction.connection().await?;
        drop_playbook(connection, organization_id, task_id, source_id.as_str()).await?;
        let task_id = TaskId::parse(task_id)
            .map_err(|error| corrupt("playbook", &playbook_name(task_id, source_id), &error))?;
        leave_task(transaction, organization_id, &task_id).await?;
    }
    Ok(())
}

/// What becomes of a task of which a playbook was dropped: it is learning where that was the last.
async fn leave_task(
    transaction: &mut WriteTransaction,
    organization_id: OrganizationId,
    task_id: &TaskId,
) -> Result<(), StoreError> {
    let at = transaction.at();
    let connection = transaction.connection().await?;
    let has_more: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM playbook WHERE organization_id = ? AND task_id = ?)",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task_id.as_str())
    .fetch_one(&mut *connection)
    .await
    .map_err(store_error)?;
    if has_more {
        return Ok(());
    }
    let task = tasks::load(connection, organization_id, task_id).await?;
    let learning = task.and_then(|task| task.without_playbooks(at));
    tasks::keep_change(transaction, learning.as_ref()).await
}

/// Drops the playbooks of a task that is deleted.
pub(crate) async fn drop_of_task(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    task_id: &TaskId,
) -> Result<(), StoreError> {
    let source_ids: Vec<String> = sqlx::query_scalar(
        "SELECT source_id FROM playbook WHERE organization_id = ? AND task_id = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task_id.as_str())
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    for source_id in &source_ids {
        drop_playbook(connection, organization_id, task_id.as_str(), source_id).await?;
    }
    Ok(())
}

/// Drops a playbook. Its versions stay as long as its task: a run that is just started may have read
/// the newest, and no later playbook may have its number.
async fn drop_playbook(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    task_id: &str,
    source_id: &str,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM playbook WHERE organization_id = ? AND task_id = ? AND source_id = ?")
        .bind(Id(organization_id.uuid()))
        .bind(task_id)
        .bind(source_id)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn load(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    task_id: &TaskId,
    source_id: &SourceId,
) -> Result<Option<Playbook>, StoreError> {
    let row: Option<PlaybookRow> = sqlx::query_as(
        "SELECT playbook.task_id, playbook.source_id, playbook.version,
                playbook_version.document, playbook.created_at, playbook.updated_at
         FROM playbook
         JOIN playbook_version USING (organization_id, task_id, source_id, version)
         WHERE playbook.organization_id = ? AND playbook.task_id = ? AND playbook.source_id = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task_id.as_str())
    .bind(source_id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// Above every version that there was since the task was made.
async fn next_version(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    task_id: &TaskId,
    source_id: &SourceId,
) -> Result<u32, StoreError> {
    sqlx::query_scalar(
        "SELECT ifnull(max(version), 0) + 1
         FROM playbook_version
         WHERE organization_id = ? AND task_id = ? AND source_id = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task_id.as_str())
    .bind(source_id.as_str())
    .fetch_one(connection)
    .await
    .map_err(store_error)
}

async fn insert(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    playbook: &Playbook,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO playbook_version (organization_id, task_id, source_id, version, document)
         VALUES (?, ?, ?, ?, ?)",
    )
    .bind(Id(organization_id.uuid()))
    .bind(playbook.task_id.as_str())
    .bind(playbook.source_id.as_str())
    .bind(playbook.version)
    .bind(windlass_records::write(&playbook.document))
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query(
        "INSERT INTO playbook
             (organization_id, task_id, source_id, version, created_at, updated_at)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT (organization_id, task_id, source_id)
         DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at",
    )
    .bind(Id(organization_id.uuid()))
    .bind(playbook.task_id.as_str())
    .bind(playbook.source_id.as_str())
    .bind(playbook.version)
    .bind(At(playbook.created_at))
    .bind(At(playbook.updated_at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
