//! Playbooks, kept in versions.

use async_trait::async_trait;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use windlass_application::ports::{Playbooks, StoreError, WriteError};
use windlass_application::{OrganizationContext, Outcome, Write, Written};
use windlass_domain::id::{OrganizationId, SourceId, TaskId};
use windlass_domain::playbook::Playbook;
use windlass_domain::task::Task;
use windlass_records::Audited;
use windlass_records::columns::{At, Count, Id};
use windlass_records::rows::{PlaybookRow, playbook_name};

use crate::error::{corrupt, read, store_error};
use crate::retry::retrying;
use crate::sources;
use crate::store::PostgresStore;
use crate::tasks;
use crate::write::{Begun, WriteTransaction};

#[async_trait]
impl Playbooks for PostgresStore {
    async fn put(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
        document: Value,
    ) -> Result<Written<Playbook>, WriteError> {
        retrying(|| self.put_playbook(write.clone(), task_id, source_id, document.clone())).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
        source_id: &SourceId,
    ) -> Result<Option<Playbook>, StoreError> {
        let mut open = self.read(organization).await?;
        load(
            &mut open,
            organization.organization_id(),
            task_id,
            source_id,
        )
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        task_id: &TaskId,
    ) -> Result<Vec<Playbook>, StoreError> {
        let mut open = self.read(organization).await?;
        let rows: Vec<PlaybookRow> = sqlx::query_as(
            "SELECT playbook.task_id, playbook.source_id, playbook.version,
                    playbook_version.document, playbook.created_at, playbook.updated_at
             FROM playbook
             JOIN playbook_version USING (organization_id, task_id, source_id, version)
             WHERE playbook.organization_id = $1 AND playbook.task_id = $2
             ORDER BY playbook.source_id",
        )
        .bind(Id(organization.organization_id().uuid()))
        .bind(task_id.as_str())
        .fetch_all(&mut *open)
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
        retrying(|| self.delete_playbook(write.clone(), task_id, source_id)).await
    }
}

impl PostgresStore {
    async fn put_playbook(
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
        let connection = transaction.connection();
        tasks::load(connection, organization_id, task_id)
            .await?
            .ok_or(WriteError::NotFound)?;
        // Locked in this order, as the deletion of a source does.
        sources::hold(connection, organization_id, source_id).await?;
        let task = tasks::lock_for_change(connection, organization_id, task_id)
            .await?
            .ok_or(WriteError::NotFound)?;
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

    async fn delete_playbook(
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
        let connection = transaction.connection();
        let task = tasks::lock_for_change(connection, organization_id, task_id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let dropped = drop_playbook(
            connection,
            organization_id,
            task_id.as_str(),
            source_id.as_str(),
        );
        if !dropped.await? {
            return Err(WriteError::NotFound);
        }
        leave_task(&mut transaction, &task).await?;
        let audited = Audited::new("playbook.delete", &playbook_name(task_id, source_id));
        transaction.commit_deletion(audited).await
    }
}

/// The document of one version, also of a playbook that was dropped since.
pub(crate) async fn document(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    task_id: &TaskId,
    source_id: &SourceId,
    version: u32,
) -> Result<Option<Value>, StoreError> {
    let document: Option<String> = sqlx::query_scalar(
        "SELECT document
         FROM playbook_version
         WHERE organization_id = $1 AND task_id = $2 AND source_id = $3 AND version = $4",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task_id.as_str())
    .bind(source_id.as_str())
    .bind(Count(version))
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
    let task_ids: Vec<String> = sqlx::query_scalar(
        "SELECT task_id
         FROM playbook
         WHERE organization_id = $1 AND source_id = $2
         ORDER BY task_id",
    )
    .bind(Id(organization_id.uuid()))
    .bind(source_id.as_str())
    .fetch_all(transaction.connection())
    .await
    .map_err(store_error)?;
    for task_id in &task_ids {
        let task_id = TaskId::parse(task_id)
            .map_err(|error| corrupt("playbook", &playbook_name(task_id, source_id), &error))?;
        let connection = transaction.connection();
        // One that is deleted at this moment takes its playbooks along.
        let task = tasks::lock_for_change(connection, organization_id, &task_id).await?;
        let Some(task) = task else { continue };
        drop_playbook(
            connection,
            organization_id,
            task_id.as_str(),
            source_id.as_str(),
        )
        .await?;
        leave_task(transaction, &task).await?;
    }
    Ok(())
}

/// What becomes of a task of which a playbook was dropped: it is learning where that was the last.
async fn leave_task(transaction: &mut WriteTransaction, task: &Task) -> Result<(), StoreError> {
    let at = transaction.at();
    let organization_id = transaction.organization_id();
    let has_more: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM playbook WHERE organization_id = $1 AND task_id = $2)",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task.id.as_str())
    .fetch_one(transaction.connection())
    .await
    .map_err(store_error)?;
    if has_more {
        return Ok(());
    }
    tasks::keep_change(transaction, task.without_playbooks(at).as_ref()).await
}

/// Drops the playbooks of a task that is deleted.
pub(crate) async fn drop_of_task(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    task_id: &TaskId,
) -> Result<(), StoreError> {
    let source_ids: Vec<String> = sqlx::query_scalar(
        "SELECT source_id
         FROM playbook
         WHERE organization_id = $1 AND task_id = $2
         ORDER BY source_id",
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

/// Drops a playbook; says whether there was one. Its versions stay as long as its task: a run that
/// is just started may have read the newest, and no later playbook may have its number.
async fn drop_playbook(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    task_id: &str,
    source_id: &str,
) -> Result<bool, StoreError> {
    let dropped = sqlx::query(
        "DELETE FROM playbook WHERE organization_id = $1 AND task_id = $2 AND source_id = $3",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task_id)
    .bind(source_id)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(dropped.rows_affected() == 1)
}

async fn load(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    task_id: &TaskId,
    source_id: &SourceId,
) -> Result<Option<Playbook>, StoreError> {
    let row: Option<PlaybookRow> = sqlx::query_as(
        "SELECT playbook.task_id, playbook.source_id, playbook.version,
                playbook_version.document, playbook.created_at, playbook.updated_at
         FROM playbook
         JOIN playbook_version USING (organization_id, task_id, source_id, version)
         WHERE playbook.organization_id = $1 AND playbook.task_id = $2
           AND playbook.source_id = $3",
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
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    task_id: &TaskId,
    source_id: &SourceId,
) -> Result<u32, StoreError> {
    let next: Count = sqlx::query_scalar(
        "SELECT coalesce(max(version), 0) + 1
         FROM playbook_version
         WHERE organization_id = $1 AND task_id = $2 AND source_id = $3",
    )
    .bind(Id(organization_id.uuid()))
    .bind(task_id.as_str())
    .bind(source_id.as_str())
    .fetch_one(connection)
    .await
    .map_err(store_error)?;
    Ok(next.0)
}

async fn insert(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    playbook: &Playbook,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO playbook_version (organization_id, task_id, source_id, version, document)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(Id(organization_id.uuid()))
    .bind(playbook.task_id.as_str())
    .bind(playbook.source_id.as_str())
    .bind(Count(playbook.version))
    .bind(windlass_records::write(&playbook.document))
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query(
        "INSERT INTO playbook
             (organization_id, task_id, source_id, version, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (organization_id, task_id, source_id)
         DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at",
    )
    .bind(Id(organization_id.uuid()))
    .bind(playbook.task_id.as_str())
    .bind(playbook.source_id.as_str())
    .bind(Count(playbook.version))
    .bind(At(playbook.created_at))
    .bind(At(playbook.updated_at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
