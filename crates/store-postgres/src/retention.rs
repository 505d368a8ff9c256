//! Drops what is over, in steps that hold no lock for long.
//!
//! Over all organizations: what is over is told by its age alone, and what belongs to it is found by
//! its id.

use async_trait::async_trait;
use sqlx::postgres::PgConnection;
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
use crate::store::PostgresStore;

/// The oldest files whose contents are still there.
const EXPIRE_FILES: &str = "WITH over AS MATERIALIZED (
         SELECT id FROM file
         WHERE id < $1 AND expired_at IS NULL
         ORDER BY id
         LIMIT $2
         FOR UPDATE SKIP LOCKED
     )
     UPDATE file SET expired_at = $3 FROM over WHERE file.id = over.id
     RETURNING file.organization_id, file.id";

/// The oldest screenshots whose contents are still there.
const EXPIRE_SCREENSHOTS: &str = "WITH over AS MATERIALIZED (
         SELECT id FROM screenshot
         WHERE id < $1 AND expired_at IS NULL
         ORDER BY id
         LIMIT $2
         FOR UPDATE SKIP LOCKED
     )
     UPDATE screenshot SET expired_at = $3 FROM over WHERE screenshot.id = over.id
     RETURNING screenshot.organization_id, screenshot.id";

#[async_trait]
impl Retention for PostgresStore {
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
            .bind(first)
            .bind(i64::from(limit))
            .bind(At(at))
            .fetch_all(transaction.connection())
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
             WHERE id > $1 AND id < $2
             ORDER BY id
             LIMIT $3",
        )
        .bind(after.map_or(Uuid::nil(), RunId::uuid))
        .bind(RunId::first_of(before).uuid())
        .bind(i64::from(limit))
        .fetch_all(self.pool())
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
            drop_runs(transaction.connection(), &over, &mut step).await?;
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
             WHERE id > $1 AND id < $2
             ORDER BY id
             LIMIT $3",
        )
        .bind(after.map_or(Uuid::nil(), SessionId::uuid))
        .bind(SessionId::first_of(before).uuid())
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await
        .map_err(store_error)?;
        let aged: Vec<Aged> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        let (over, next) = over(&aged, before, limit);
        // One that has ended takes no run any more, so that none comes meanwhile.
        let dropped = sqlx::query(
            "DELETE FROM session
             WHERE id = ANY($1) AND NOT EXISTS (
                 SELECT FROM run
                 WHERE run.organization_id = session.organization_id
                   AND run.session_id = session.id
             )",
        )
        .bind(over.iter().map(|aged| aged.id.0).collect::<Vec<_>>())
        .execute(self.pool())
        .await
        .map_err(store_error)?;
        Ok(Step {
            dropped: u32::try_from(dropped.rows_affected()).unwrap_or(limit),
            contents: Vec::new(),
            next: next.map(|id| SessionId::from_uuid(id.0)),
        })
    }

    async fn drop_deliveries(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let dropped = sqlx::query(
            "WITH over AS MATERIALIZED (
                 SELECT id FROM delivery WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
             ), attempts AS (
                 DELETE FROM delivery_attempt USING over WHERE delivery_id = over.id
             )
             DELETE FROM delivery USING over WHERE delivery.id = over.id",
        )
        .bind(DeliveryId::first_of(before).uuid())
        .bind(i64::from(limit))
        .execute(self.pool())
        .await
        .map_err(store_error)?;
        Ok(u32::try_from(dropped.rows_affected()).unwrap_or(limit))
    }

    async fn drop_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let dropped = sqlx::query(
            "WITH over AS MATERIALIZED (
                 SELECT id FROM event WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED
             )
             DELETE FROM event USING over WHERE event.id = over.id",
        )
        .bind(EventId::first_of(before).uuid())
        .bind(i64::from(limit))
        .execute(self.pool())
        .await
        .map_err(store_error)?;
        Ok(u32::try_from(dropped.rows_affected()).unwrap_or(limit))
    }

    async fn drop_answers(&self, limit: u32) -> Result<u32, StoreError> {
        let dropped = sqlx::query(
            "WITH over AS MATERIALIZED (
                 SELECT forgotten.*
                 FROM organization
                 CROSS JOIN LATERAL (
                     SELECT organization_id, method, path, key
                     FROM idempotency
                     WHERE idempotency.organization_id = organization.id AND expires_at <= $1
                     ORDER BY expires_at
                     LIMIT $2
                     FOR UPDATE SKIP LOCKED
                 ) AS forgotten
                 LIMIT $2
             )
             DELETE FROM idempotency USING over
             WHERE idempotency.organization_id = over.organization_id
               AND idempotency.method = over.method AND idempotency.path = over.path
               AND idempotency.key = over.key",
        )
        .bind(At(self.now()))
        .bind(i64::from(limit))
        .execute(self.pool())
        .await
        .map_err(store_error)?;
        Ok(u32::try_from(dropped.rows_affected()).unwrap_or(limit))
    }

    async fn drop_workers(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let dropped = sqlx::query(
            "WITH over AS MATERIALIZED (
                 SELECT id FROM worker
                 WHERE last_seen_at < $1
                   AND NOT EXISTS (SELECT FROM live WHERE live.worker_id = worker.id)
                   AND NOT EXISTS (SELECT FROM session WHERE session.worker_id = worker.id)
                 ORDER BY id
                 LIMIT $2
                 FOR UPDATE SKIP LOCKED
             )
             DELETE FROM worker USING over WHERE worker.id = over.id",
        )
        .bind(At(before))
        .bind(i64::from(limit))
        .execute(self.pool())
        .await
        .map_err(store_error)?;
        Ok(u32::try_from(dropped.rows_affected()).unwrap_or(limit))
    }

    async fn orphans(&self, contents: Vec<OwnedBlob>) -> Result<Vec<OwnedBlob>, StoreError> {
        let (owners, ids): (Vec<Uuid>, Vec<Uuid>) = contents
            .iter()
            .map(|(owner, id)| (owner.uuid(), content_number(*id).0))
            .unzip();
        // A file and a screenshot never have one number, but by a chance of 2^-74.
        let kept: Vec<(Id, Id)> = sqlx::query_as(
            "SELECT file.organization_id, file.id
             FROM unnest($1::uuid[], $2::uuid[]) AS content (organization_id, id)
             JOIN file ON file.id = content.id
                      AND file.organization_id = content.organization_id
             WHERE expired_at IS NULL
             UNION ALL
             SELECT screenshot.organization_id, screenshot.id
             FROM unnest($1::uuid[], $2::uuid[]) AS content (organization_id, id)
             JOIN screenshot ON screenshot.id = content.id
                            AND screenshot.organization_id = content.organization_id
             WHERE expired_at IS NULL",
        )
        .bind(owners)
        .bind(ids)
        .fetch_all(self.pool())
        .await
        .map_err(store_error)?;
        let is_orphan = |(owner, id): &OwnedBlob| {
            let row = (Id(owner.uuid()), content_number(*id));
            !kept.contains(&row)
        };
        Ok(contents.into_iter().filter(is_orphan).collect())
    }
}

/// Drops runs that are over, with all that belongs to them. What another replica is just dropping is
/// left to it: a run that is over changes in no other way.
async fn drop_runs(
    connection: &mut PgConnection,
    over: &[Aged],
    step: &mut Step<RunId>,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = over.iter().map(|aged| aged.id.0).collect();
    let runs: Vec<(Id, Id, String)> = sqlx::query_as(
        "SELECT organization_id, id, task_id
         FROM run
         WHERE id = ANY($1)
         ORDER BY id
         FOR UPDATE SKIP LOCKED",
    )
    .bind(ids)
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    let owners: Vec<Uuid> = runs.iter().map(|(owner, ..)| owner.0).collect();
    let ids: Vec<Uuid> = runs.iter().map(|(_, id, _)| id.0).collect();
    let tasks: Vec<&str> = runs.iter().map(|(.., task_id)| task_id.as_str()).collect();
    for (statement, of) in [
        (
            "DELETE FROM file
             USING unnest($1::uuid[], $2::uuid[]) AS gone (organization_id, run_id)
             WHERE file.organization_id = gone.organization_id AND file.run_id = gone.run_id
             RETURNING file.organization_id, file.id, file.expired_at IS NULL",
            file_content as fn(Id) -> BlobId,
        ),
        (
            "DELETE FROM screenshot
             USING unnest($1::uuid[], $2::uuid[]) AS gone (organization_id, run_id)
             WHERE screenshot.organization_id = gone.organization_id
               AND screenshot.run_id = gone.run_id
             RETURNING screenshot.organization_id, screenshot.id, screenshot.expired_at IS NULL",
            screenshot_content,
        ),
    ] {
        let dropped: Vec<(Id, Id, bool)> = sqlx::query_as(statement)
            .bind(&owners)
            .bind(&ids)
            .fetch_all(&mut *connection)
            .await
            .map_err(store_error)?;
        let there = dropped.into_iter().filter(|(.., is_there)| *is_there);
        step.contents
            .extend(there.map(|(owner, id, _)| owned_content(owner, of(id))));
    }
    for statement in [
        "DELETE FROM timeline WHERE run_id = ANY($1)",
        "DELETE FROM run_output WHERE run_id = ANY($1)",
        "DELETE FROM run_input WHERE run_id = ANY($1)",
        "DELETE FROM run WHERE id = ANY($1)",
    ] {
        sqlx::query(statement)
            .bind(&ids)
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
    }
    for statement in [
        "DELETE FROM playbook_version AS version
         USING (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[])) AS gone (organization_id, task_id)
         WHERE version.organization_id = gone.organization_id AND version.task_id = gone.task_id
           AND NOT EXISTS (
               SELECT FROM task
               WHERE task.organization_id = gone.organization_id AND task.id = gone.task_id
           )
           AND NOT EXISTS (
               SELECT FROM run
               WHERE run.organization_id = gone.organization_id AND run.task_id = gone.task_id
           )",
        "DELETE FROM task_version AS version
         USING (SELECT DISTINCT * FROM unnest($1::uuid[], $2::text[])) AS gone (organization_id, task_id)
         WHERE version.organization_id = gone.organization_id AND version.task_id = gone.task_id
           AND NOT EXISTS (
               SELECT FROM task
               WHERE task.organization_id = gone.organization_id AND task.id = gone.task_id
           )
           AND NOT EXISTS (
               SELECT FROM run
               WHERE run.organization_id = gone.organization_id AND run.task_id = gone.task_id
           )",
    ] {
        sqlx::query(statement)
            .bind(&owners)
            .bind(&tasks)
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
    }
    step.dropped = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    Ok(())
}
