//! Drops what is over, in steps that hold no lock for long.
//!
//! Over all organizations: what is over is told by its age alone, and what belongs to it is found by
//! its id.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;
use windlass_application::ports::blobs::{BlobId, OwnedBlob};
use windlass_application::ports::retention::{Captured, Step};
use windlass_application::ports::{Retention, StoreError};
use windlass_domain::Timestamp;
use windlass_domain::id::{DeliveryId, EventId, RunId, ScreenshotId, SessionId, StorageId};
use windlass_records::columns::{At, Id};
use windlass_records::{
    Aged, AgedRow, content_number, file_content, over, owned_content, screenshot_content,
};

use crate::error::{read, store_error};
use crate::store::SqliteStore;

/// The oldest files whose contents are still there.
pub(crate) const EXPIRE_FILES: &str = "UPDATE file SET expired_at = ?
     WHERE id IN (
         SELECT id FROM file WHERE id < ? AND expired_at IS NULL ORDER BY id LIMIT ? + 0
     )
     RETURNING organization_id, id";

/// The oldest screenshots whose contents are still there.
pub(crate) const EXPIRE_SCREENSHOTS: &str = "UPDATE screenshot SET expired_at = ?
     WHERE id IN (
         SELECT id FROM screenshot WHERE id < ? AND expired_at IS NULL ORDER BY id LIMIT ? + 0
     )
     RETURNING organization_id, id";

/// The oldest deliveries.
pub(crate) const OLD_DELIVERIES: &str =
    "SELECT id FROM delivery WHERE id < ? ORDER BY id LIMIT ? + 0";

/// The oldest events.
pub(crate) const OLD_EVENTS: &str = "SELECT id FROM event WHERE id < ? ORDER BY id LIMIT ? + 0";

/// Kept answers that are forgotten.
pub(crate) const FORGOTTEN_ANSWERS: &str = "SELECT organization_id, method, path, key
     FROM idempotency
     WHERE expires_at <= ?
     ORDER BY expires_at
     LIMIT ? + 0";

#[async_trait]
impl Retention for SqliteStore {
    async fn expire(
        &self,
        what: Captured,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<OwnedBlob>, StoreError> {
        let (statement, first, of): (_, _, fn(Id) -> BlobId) = match what {
            Captured::Files => (
                EXPIRE_FILES,
                StorageId::first_of(before).uuid(),
                file_content,
            ),
            Captured::Screenshots => (
                EXPIRE_SCREENSHOTS,
                ScreenshotId::first_of(before).uuid(),
                screenshot_content,
            ),
        };
        let mut transaction = self.begin(None).await?;
        let at = transaction.at();
        let expired: Vec<(Id, Id)> = sqlx::query_as(statement)
            .bind(At(at))
            .bind(Id(first))
            .bind(limit)
            .fetch_all(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        transaction.commit().await?;
        Ok(expired
            .into_iter()
            .map(|(owner, id)| owned_content(owner, of(id)))
            .collect())
    }

    async fn drop_runs(
        &self,
        after: Option<RunId>,
        before: Timestamp,
        limit: u32,
    ) -> Result<Step<RunId>, StoreError> {
        let rows: Vec<AgedRow> = sqlx::query_as(
            "SELECT id, organization_id, status, updated_at
             FROM run
             WHERE id > ? AND id < ?
             ORDER BY id
             LIMIT ? + 0",
        )
        .bind(Id(after.map_or(Uuid::nil(), RunId::uuid)))
        .bind(Id(RunId::first_of(before).uuid()))
        .bind(limit)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        let aged: Vec<Aged> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        let (over, next) = over(&aged, before, limit);
        let mut step = Step {
            dropped: 0,
            contents: Vec::new(),
            next: next.map(|id| RunId::from_uuid(id.0)),
        };
        if !over.is_empty() {
            let mut transaction = self.begin(None).await?;
            for aged in over {
                drop_run(transaction.connection().await?, aged, &mut step).await?;
            }
            transaction.commit().await?;
        }
        Ok(step)
    }

    async fn drop_sessions(
        &self,
        after: Option<SessionId>,
        before: Timestamp,
        limit: u32,
    ) -> Result<Step<SessionId>, StoreError> {
        let rows: Vec<AgedRow> = sqlx::query_as(
            "SELECT id, organization_id, status, updated_at
             FROM session
             WHERE id > ? AND id < ?
             ORDER BY id
             LIMIT ? + 0",
        )
        .bind(Id(after.map_or(Uuid::nil(), SessionId::uuid)))
        .bind(Id(SessionId::first_of(before).uuid()))
        .bind(limit)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        let aged: Vec<Aged> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        let (over, next) = over(&aged, before, limit);
        let mut dropped = 0;
        if !over.is_empty() {
            let mut transaction = self.begin(None).await?;
            for aged in over {
                // One that has ended takes no run any more, so that none comes meanwhile.
                let statement = "DELETE FROM session
                     WHERE id = ? AND NOT EXISTS (SELECT 1 FROM run WHERE session_id = session.id)";
                dropped += execute(transaction.connection().await?, statement, aged.id).await?;
            }
            transaction.commit().await?;
        }
        Ok(Step {
            dropped,
            contents: Vec::new(),
            next: next.map(|id| SessionId::from_uuid(id.0)),
        })
    }

    async fn drop_deliveries(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let first = Id(DeliveryId::first_of(before).uuid());
        let statements = [
            "DELETE FROM delivery_attempt WHERE delivery_id = ?",
            "DELETE FROM delivery WHERE id = ?",
        ];
        self.drop_old(OLD_DELIVERIES, first, limit, &statements)
            .await
    }

    async fn drop_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let first = Id(EventId::first_of(before).uuid());
        let statements = ["DELETE FROM event WHERE id = ?"];
        self.drop_old(OLD_EVENTS, first, limit, &statements).await
    }

    async fn drop_answers(&self, limit: u32) -> Result<u32, StoreError> {
        let forgotten: Vec<(Id, String, String, String)> = sqlx::query_as(FORGOTTEN_ANSWERS)
            .bind(At(self.now()))
            .bind(limit)
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(store_error)?;
        // Looking takes no lock.
        if forgotten.is_empty() {
            return Ok(0);
        }
        let mut transaction = self.begin(None).await?;
        let at = transaction.at();
        let mut dropped = 0;
        for (organization_id, method, path, key) in forgotten {
            let deleted = sqlx::query(
                "DELETE FROM idempotency
                 WHERE organization_id = ? AND method = ? AND path = ? AND key = ?
                   AND expires_at <= ?",
            )
            .bind(organization_id)
            .bind(method)
            .bind(path)
            .bind(key)
            .bind(At(at))
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
            dropped += u32::try_from(deleted.rows_affected()).unwrap_or(0);
        }
        transaction.commit().await?;
        Ok(dropped)
    }

    async fn drop_workers(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let mut transaction = self.begin(None).await?;
        let dropped = sqlx::query(
            "DELETE FROM worker
             WHERE id IN (
                 SELECT id FROM worker
                 WHERE last_seen_at < ?
                   AND NOT EXISTS (SELECT 1 FROM live WHERE live.worker_id = worker.id)
                   AND NOT EXISTS (SELECT 1 FROM session WHERE session.worker_id = worker.id)
                 ORDER BY id
                 LIMIT ? + 0
             )",
        )
        .bind(At(before))
        .bind(limit)
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        transaction.commit().await?;
        Ok(u32::try_from(dropped.rows_affected()).unwrap_or(limit))
    }

    async fn orphans(&self, contents: Vec<OwnedBlob>) -> Result<Vec<OwnedBlob>, StoreError> {
        let mut orphans = Vec::new();
        for (owner, id) in contents {
            let statement = match id {
                BlobId::File(_) => {
                    "SELECT EXISTS (
                         SELECT 1 FROM file
                         WHERE id = ? AND organization_id = ? AND expired_at IS NULL
                     )"
                }
                BlobId::Screenshot(_) => {
                    "SELECT EXISTS (
                         SELECT 1 FROM screenshot
                         WHERE id = ? AND organization_id = ? AND expired_at IS NULL
                     )"
                }
            };
            let is_kept: bool = sqlx::query_scalar(statement)
                .bind(content_number(id))
                .bind(Id(owner.uuid()))
                .fetch_one(&mut *self.reader().await?)
                .await
                .map_err(store_error)?;
            if !is_kept {
                orphans.push((owner, id));
            }
        }
        Ok(orphans)
    }
}

impl SqliteStore {
    /// Drops the oldest rows that `find` finds, by statements that take an id each.
    async fn drop_old(
        &self,
        find: &'static str,
        first: Id,
        limit: u32,
        statements: &[&'static str],
    ) -> Result<u32, StoreError> {
        let old: Vec<Id> = sqlx::query_scalar(find)
            .bind(first)
            .bind(limit)
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(store_error)?;
        // Looking takes no lock.
        if old.is_empty() {
            return Ok(0);
        }
        let mut transaction = self.begin(None).await?;
        for id in &old {
            for statement in statements {
                execute(transaction.connection().await?, statement, *id).await?;
            }
        }
        transaction.commit().await?;
        Ok(u32::try_from(old.len()).unwrap_or(limit))
    }
}

async fn execute(
    connection: &mut SqliteConnection,
    statement: &'static str,
    id: Id,
) -> Result<u32, StoreError> {
    let done = sqlx::query(statement)
        .bind(id)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(u32::try_from(done.rows_affected()).unwrap_or(u32::MAX))
}

/// Drops a run that is over, with all that belongs to it.
async fn drop_run(
    connection: &mut SqliteConnection,
    aged: Aged,
    step: &mut Step<RunId>,
) -> Result<(), StoreError> {
    for (statement, of) in [
        (
            "DELETE FROM file WHERE run_id = ? RETURNING id, expired_at IS NULL",
            file_content as fn(Id) -> BlobId,
        ),
        (
            "DELETE FROM screenshot WHERE run_id = ? RETURNING id, expired_at IS NULL",
            screenshot_content,
        ),
    ] {
        let dropped: Vec<(Id, bool)> = sqlx::query_as(statement)
            .bind(aged.id)
            .fetch_all(&mut *connection)
            .await
            .map_err(store_error)?;
        let there = dropped.into_iter().filter(|(_, is_there)| *is_there);
        step.contents
            .extend(there.map(|(id, _)| owned_content(aged.organization_id, of(id))));
    }
    for statement in [
        "DELETE FROM timeline WHERE run_id = ?",
        "DELETE FROM run_output WHERE run_id = ?",
        "DELETE FROM run_input WHERE run_id = ?",
    ] {
        execute(&mut *connection, statement, aged.id).await?;
    }
    let task_id: Option<String> =
        sqlx::query_scalar("DELETE FROM run WHERE id = ? RETURNING task_id")
            .bind(aged.id)
            .fetch_optional(&mut *connection)
            .await
            .map_err(store_error)?;
    let Some(task_id) = task_id else {
        return Ok(());
    };
    step.dropped += 1;
    for statement in [
        "DELETE FROM playbook_version
         WHERE organization_id = ?1 AND task_id = ?2
           AND NOT EXISTS (SELECT 1 FROM task WHERE organization_id = ?1 AND id = ?2)
           AND NOT EXISTS (SELECT 1 FROM run WHERE organization_id = ?1 AND task_id = ?2)",
        "DELETE FROM task_version
         WHERE organization_id = ?1 AND task_id = ?2
           AND NOT EXISTS (SELECT 1 FROM task WHERE organization_id = ?1 AND id = ?2)
           AND NOT EXISTS (SELECT 1 FROM run WHERE organization_id = ?1 AND task_id = ?2)",
    ] {
        sqlx::query(statement)
            .bind(aged.organization_id)
            .bind(&task_id)
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}
