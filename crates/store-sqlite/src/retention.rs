//! Drops what is over, in steps that hold no lock for long.
//!
//! Over all organizations: what is over is told by its age alone, and what belongs to it is found by
//! its id.

use async_trait::async_trait;
use rusqlite::params;
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

use crate::connection::Connection;
use crate::error::read;
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

/// Runs by their age, between two ids.
const AGED_RUNS: &str = "SELECT id, organization_id, status, updated_at
     FROM run
     WHERE id > ? AND id < ?
     ORDER BY id
     LIMIT ? + 0";

/// Sessions by their age, between two ids.
const AGED_SESSIONS: &str = "SELECT id, organization_id, status, updated_at
     FROM session
     WHERE id > ? AND id < ?
     ORDER BY id
     LIMIT ? + 0";

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
        self.change(None, move |transaction| {
            let at = transaction.at();
            let expired: Vec<(Id, Id)> =
                transaction.rows(statement, params![At(at), Id(first), limit])?;
            Ok(expired
                .into_iter()
                .map(|(owner, id)| owned_content(owner, of(id)))
                .collect())
        })
        .await
    }

    async fn drop_runs(
        &self,
        after: Option<RunId>,
        before: Timestamp,
        limit: u32,
    ) -> Result<Step<RunId>, StoreError> {
        let first = after.map_or(Uuid::nil(), RunId::uuid);
        let end = RunId::first_of(before).uuid();
        let (over, next) = self.over(AGED_RUNS, (first, end), before, limit).await?;
        let mut step = Step {
            dropped: 0,
            contents: Vec::new(),
            next: next.map(|id| RunId::from_uuid(id.0)),
        };
        if over.is_empty() {
            return Ok(step);
        }
        let dropping = self.change(None, move |transaction| {
            for aged in over {
                drop_run(transaction, aged, &mut step)?;
            }
            Ok(step)
        });
        dropping.await
    }

    async fn drop_sessions(
        &self,
        after: Option<SessionId>,
        before: Timestamp,
        limit: u32,
    ) -> Result<Step<SessionId>, StoreError> {
        let first = after.map_or(Uuid::nil(), SessionId::uuid);
        let end = SessionId::first_of(before).uuid();
        let (over, next) = self
            .over(AGED_SESSIONS, (first, end), before, limit)
            .await?;
        let dropped = if over.is_empty() {
            0
        } else {
            self.change(None, move |transaction| drop_sessions(transaction, over))
                .await?
        };
        Ok(Step {
            dropped,
            contents: Vec::new(),
            next: next.map(|id| SessionId::from_uuid(id.0)),
        })
    }

    async fn drop_deliveries(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let first = Id(DeliveryId::first_of(before).uuid());
        let statements = &[
            "DELETE FROM delivery_attempt WHERE delivery_id = ?",
            "DELETE FROM delivery WHERE id = ?",
        ];
        self.drop_old(OLD_DELIVERIES, first, limit, statements)
            .await
    }

    async fn drop_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let first = Id(EventId::first_of(before).uuid());
        let statements = &["DELETE FROM event WHERE id = ?"];
        self.drop_old(OLD_EVENTS, first, limit, statements).await
    }

    async fn drop_answers(&self, limit: u32) -> Result<u32, StoreError> {
        let now = self.now();
        let forgotten: Vec<(Id, String, String, String)> = self
            .read(move |connection| connection.rows(FORGOTTEN_ANSWERS, params![At(now), limit]))
            .await?;
        // Looking takes no lock.
        if forgotten.is_empty() {
            return Ok(0);
        }
        self.change(None, move |transaction| {
            let at = transaction.at();
            let mut dropped = 0;
            for (organization_id, method, path, key) in forgotten {
                let deleted = transaction.change(
                    "DELETE FROM idempotency
                     WHERE organization_id = ? AND method = ? AND path = ? AND key = ?
                       AND expires_at <= ?",
                    params![organization_id, method, path, key, At(at)],
                )?;
                dropped += u32::try_from(deleted).unwrap_or(0);
            }
            Ok(dropped)
        })
        .await
    }

    async fn drop_workers(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.change(None, move |transaction| {
            let dropped = transaction.change(
                "DELETE FROM worker
                 WHERE id IN (
                     SELECT id FROM worker
                     WHERE last_seen_at < ?
                       AND NOT EXISTS (SELECT 1 FROM live WHERE live.worker_id = worker.id)
                       AND NOT EXISTS (SELECT 1 FROM session WHERE session.worker_id = worker.id)
                     ORDER BY id
                     LIMIT ? + 0
                 )",
                params![At(before), limit],
            )?;
            Ok(u32::try_from(dropped).unwrap_or(limit))
        })
        .await
    }

    async fn orphans(&self, contents: Vec<OwnedBlob>) -> Result<Vec<OwnedBlob>, StoreError> {
        self.read(move |connection| {
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
                let values = params![content_number(id), Id(owner.uuid())];
                if !connection.only_value::<bool>(statement, values)? {
                    orphans.push((owner, id));
                }
            }
            Ok(orphans)
        })
        .await
    }
}

impl SqliteStore {
    /// Those between two ids that `find` finds and that had ended before then, and where the next step
    /// goes on.
    async fn over(
        &self,
        find: &'static str,
        (first, end): (Uuid, Uuid),
        before: Timestamp,
        limit: u32,
    ) -> Result<(Vec<Aged>, Option<Id>), StoreError> {
        let rows: Vec<AgedRow> = self
            .read(move |connection| connection.rows(find, params![Id(first), Id(end), limit]))
            .await?;
        let aged: Vec<Aged> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(over(&aged, before, limit))
    }

    /// Drops the oldest rows that `find` finds, by statements that take an id each.
    async fn drop_old(
        &self,
        find: &'static str,
        first: Id,
        limit: u32,
        statements: &'static [&'static str],
    ) -> Result<u32, StoreError> {
        let old: Vec<Id> = self
            .read(move |connection| connection.values(find, params![first, limit]))
            .await?;
        // Looking takes no lock.
        if old.is_empty() {
            return Ok(0);
        }
        let dropping = self.change(None, move |transaction| {
            for id in &old {
                for statement in statements {
                    execute(transaction, statement, *id)?;
                }
            }
            Ok(u32::try_from(old.len()).unwrap_or(limit))
        });
        dropping.await
    }
}

fn execute(connection: &Connection, statement: &'static str, id: Id) -> Result<u32, StoreError> {
    let done = connection.change(statement, params![id])?;
    Ok(u32::try_from(done).unwrap_or(u32::MAX))
}

/// Drops sessions that are over, and have no run any more; says how many.
fn drop_sessions(connection: &Connection, over: Vec<Aged>) -> Result<u32, StoreError> {
    let mut dropped = 0;
    for aged in over {
        // One that has ended takes no run any more, so that none comes meanwhile.
        let statement = "DELETE FROM session
             WHERE id = ? AND NOT EXISTS (SELECT 1 FROM run WHERE session_id = session.id)";
        dropped += execute(connection, statement, aged.id)?;
    }
    Ok(dropped)
}

/// Drops a run that is over, with all that belongs to it.
fn drop_run(connection: &Connection, aged: Aged, step: &mut Step<RunId>) -> Result<(), StoreError> {
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
        let dropped: Vec<(Id, bool)> = connection.rows(statement, params![aged.id])?;
        let there = dropped.into_iter().filter(|(_, is_there)| *is_there);
        step.contents
            .extend(there.map(|(id, _)| owned_content(aged.organization_id, of(id))));
    }
    for statement in [
        "DELETE FROM timeline WHERE run_id = ?",
        "DELETE FROM run_output WHERE run_id = ?",
        "DELETE FROM run_input WHERE run_id = ?",
    ] {
        execute(connection, statement, aged.id)?;
    }
    let task_id: Option<String> = connection.value(
        "DELETE FROM run WHERE id = ? RETURNING task_id",
        params![aged.id],
    )?;
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
        connection.change(statement, params![aged.organization_id, &task_id])?;
    }
    Ok(())
}
