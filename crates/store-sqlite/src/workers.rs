//! Workers: names with starts.

use async_trait::async_trait;
use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;
use tracing::{error, info};
use windlass_application::ports::runs::Swept;
use windlass_application::ports::workers::{GONE_AFTER, Registered, STARTS_KNOWN};
use windlass_application::ports::{StoreError, Workers, WriteError};
use windlass_application::{OrganizationContext, random};
use windlass_domain::Timestamp;
use windlass_domain::id::{RunId, SessionId, WorkerId};
use windlass_domain::lifecycle::{Command, SceneWorker, Signal};
use windlass_domain::run::{Holder, RunCommand};
use windlass_domain::session::{SessionCommand, SessionStatus};
use windlass_records::columns::{At, Id};
use windlass_records::rows::{Worker, WorkerRow};

use crate::error::{corrupt, store_error};
use crate::runs::Loaded;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

#[async_trait]
impl Workers for SqliteStore {
    async fn register<'start>(
        &self,
        organization: Option<OrganizationContext>,
        name: &str,
        start: Option<&'start str>,
    ) -> Result<Registered, WriteError> {
        let holder = self.next_start(organization, name, start).await?;
        let mut registered = Registered {
            holder,
            lost_leases: 0,
            signals: Vec::new(),
        };
        for held in self.held_before(holder).await? {
            let command = Command::Run {
                run_id: held.run_id,
                command: RunCommand::WorkerGone {
                    holder: held.holder,
                },
            };
            if let Some(signals) = self.tell_session(held.session_id, command).await? {
                registered.lost_leases += 1;
                registered.signals.extend(signals);
            }
        }
        for (session_id, holder) in self.kept_before(holder).await? {
            let command = Command::Session(SessionCommand::WorkerGone { holder });
            let signals = self.tell_session(session_id, command).await?;
            registered.signals.extend(signals.unwrap_or_default());
        }
        Ok(registered)
    }

    async fn find(
        &self,
        organization: OrganizationContext,
        name: &str,
    ) -> Result<Option<Holder>, StoreError> {
        let row: Option<StartRow> = sqlx::query_as(
            "SELECT id, incarnation
             FROM worker
             WHERE ifnull(organization_id, x'') = ? AND name = ?",
        )
        .bind(Id(organization.organization_id().uuid()))
        .bind(name)
        .fetch_optional(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        Ok(row.map(Holder::from))
    }

    async fn drain(&self, holder: Holder) -> Result<(u32, Vec<Signal>), WriteError> {
        let mut transaction = self.begin(None).await?;
        let worker = find(transaction.connection().await?, holder.worker_id).await?;
        Worker::of_latest_start(worker, holder)?;
        sqlx::query("UPDATE worker SET draining = 1 WHERE id = ? AND incarnation = ?")
            .bind(Id(holder.worker_id.uuid()))
            .bind(holder.incarnation)
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        let leases = count_leases(transaction.connection().await?, holder).await?;
        transaction.commit().await?;

        let mut signals = Vec::new();
        for session_id in self.kept_by(holder).await? {
            let command = Command::Session(SessionCommand::Drained { holder });
            let told = self.tell_session(session_id, command).await?;
            signals.extend(told.unwrap_or_default());
        }
        Ok((leases, signals))
    }

    async fn sweep(&self, limit: u32) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        for (session_id, holder) in self.kept_by_leaving(limit).await? {
            let mut transaction = self.begin(None).await?;
            let at = transaction.at();
            let worker = find(transaction.connection().await?, holder.worker_id).await?;
            let Some(command) = worker.and_then(|worker| worker.gives_up(holder, at)) else {
                continue;
            };
            let command = Command::Session(command);
            if let Some(signals) = tell(transaction, session_id, command).await? {
                swept.acted += 1;
                swept.signals.extend(signals);
            }
        }
        swept.more = swept.acted >= limit;
        Ok(swept)
    }

    async fn seen(&self, holder: Holder) -> Result<(), StoreError> {
        let mut transaction = self.begin(None).await?;
        let at = transaction.at();
        called(&mut transaction, holder, at).await?;
        transaction.commit().await
    }
}

/// A run that a start of a worker holds.
struct Held {
    run_id: RunId,
    session_id: SessionId,
    holder: Holder,
}

#[derive(FromRow)]
struct HeldRow {
    run_id: Id,
    session_id: Id,
    incarnation: u32,
}

#[derive(FromRow)]
struct GoneRow {
    id: Id,
    worker_id: Id,
    incarnation: u32,
}

#[derive(FromRow)]
struct KeptRow {
    id: Id,
    incarnation: u32,
}

impl SqliteStore {
    /// The number of a start, in a transaction of its own: once it is a new one, the earlier starts
    /// lease nothing, so that what they hold only gets less.
    async fn next_start(
        &self,
        organization: Option<OrganizationContext>,
        name: &str,
        start: Option<&str>,
    ) -> Result<Holder, WriteError> {
        let mut transaction = self.begin(None).await?;
        let at = transaction.at();
        let organization_id = organization.map(OrganizationContext::organization_id);
        let organization_id = organization_id.map(|id| Id(id.uuid()));
        let new: Option<StartRow> = sqlx::query_as(
            // A start that has no name is always a new one.
            "INSERT INTO worker
                 (id, organization_id, name, incarnation, draining, last_seen_at, brought, starts)
             VALUES (?1, ?2, ?3, 1, 0, ?4, 0, iif(?5 IS NULL, '{}', json_object(?5, 1)))
             ON CONFLICT (ifnull(organization_id, x''), name) DO UPDATE
             SET incarnation = worker.incarnation + 1, draining = 0,
                 last_seen_at = excluded.last_seen_at, brought = 0,
                 starts = (
                     SELECT json_group_object(key, value)
                     FROM (
                         SELECT key, value
                         FROM json_each(worker.starts)
                         WHERE value > worker.incarnation + 1 - ?6
                         UNION ALL
                         SELECT key, worker.incarnation + 1
                         FROM json_each(excluded.starts)
                     )
                 )
             WHERE NOT EXISTS (SELECT 1 FROM json_each(worker.starts) WHERE key = ?5)
             RETURNING id, incarnation",
        )
        .bind(Id(WorkerId::new(at, random::random()).uuid()))
        .bind(organization_id)
        .bind(name)
        .bind(At(at))
        .bind(start)
        .bind(STARTS_KNOWN)
        .fetch_optional(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        let row = match new {
            Some(row) => row,
            None => sqlx::query_as(
                "SELECT worker.id AS id, CAST(known.value AS INTEGER) AS incarnation
                 FROM worker, json_each(worker.starts) AS known
                 WHERE ifnull(worker.organization_id, x'') = ifnull(?1, x'') AND worker.name = ?2
                   AND known.key = ?3",
            )
            .bind(organization_id)
            .bind(name)
            .bind(start)
            .fetch_one(transaction.connection().await?)
            .await
            .map_err(store_error)?,
        };
        transaction.commit().await?;
        Ok(row.into())
    }

    /// The runs that earlier starts of the worker hold.
    async fn held_before(&self, holder: Holder) -> Result<Vec<Held>, StoreError> {
        let rows: Vec<HeldRow> = sqlx::query_as(
            "SELECT run_id, session_id, incarnation
             FROM live
             WHERE worker_id = ? AND incarnation < ?
             ORDER BY run_id",
        )
        .bind(Id(holder.worker_id.uuid()))
        .bind(holder.incarnation)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        let held = rows.into_iter().map(|row| Held {
            run_id: RunId::from_uuid(row.run_id.0),
            session_id: SessionId::from_uuid(row.session_id.0),
            holder: Holder {
                incarnation: row.incarnation,
                ..holder
            },
        });
        Ok(held.collect())
    }

    /// The sessions that earlier starts of the worker have, each with the start.
    async fn kept_before(&self, holder: Holder) -> Result<Vec<(SessionId, Holder)>, StoreError> {
        let rows: Vec<KeptRow> = sqlx::query_as(
            "SELECT id, incarnation
             FROM session
             WHERE worker_id = ? AND incarnation < ?
             ORDER BY id",
        )
        .bind(Id(holder.worker_id.uuid()))
        .bind(holder.incarnation)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        let kept = rows.into_iter().map(|row| {
            let incarnation = row.incarnation;
            let holder = Holder {
                incarnation,
                ..holder
            };
            (SessionId::from_uuid(row.id.0), holder)
        });
        Ok(kept.collect())
    }

    /// The sessions that this start of the worker has.
    pub(crate) async fn kept_by(&self, holder: Holder) -> Result<Vec<SessionId>, StoreError> {
        let ids: Vec<Id> = sqlx::query_scalar(
            "SELECT id FROM session WHERE worker_id = ? AND incarnation = ? ORDER BY id",
        )
        .bind(Id(holder.worker_id.uuid()))
        .bind(holder.incarnation)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        Ok(ids
            .into_iter()
            .map(|id| SessionId::from_uuid(id.0))
            .collect())
    }

    /// The idle sessions of starts of workers that lease nothing more, since they are gone, drain,
    /// or are not the latest; each with the start. Over all organizations.
    async fn kept_by_leaving(&self, limit: u32) -> Result<Vec<(SessionId, Holder)>, StoreError> {
        let rows: Vec<GoneRow> = sqlx::query_as(
            // Worker by worker, and of each only what it must give up: what the others keep is not read.
            "SELECT session.id AS id, session.worker_id AS worker_id,
                    session.incarnation AS incarnation
             FROM worker
             CROSS JOIN session
                 ON session.worker_id = worker.id
                AND session.incarnation
                    < worker.incarnation + (worker.draining OR worker.last_seen_at <= ?)
             WHERE session.status = ?
             LIMIT ? + 0",
        )
        .bind(At(self.now() - GONE_AFTER))
        .bind(SessionStatus::Idle.as_str())
        .bind(limit)
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        let kept = rows.into_iter().map(|row| {
            let holder = Holder {
                worker_id: WorkerId::from_uuid(row.worker_id.0),
                incarnation: row.incarnation,
            };
            (SessionId::from_uuid(row.id.0), holder)
        });
        Ok(kept.collect())
    }

    /// A command to one scene, in a transaction of its own.
    async fn tell_session(
        &self,
        session_id: SessionId,
        command: Command,
    ) -> Result<Option<Vec<Signal>>, StoreError> {
        tell(self.begin(None).await?, session_id, command).await
    }
}

/// A command to one scene, and all of the transaction. None where the scene has moved on, or is
/// broken: that must not keep a worker from starting.
async fn tell(
    mut transaction: Transaction,
    session_id: SessionId,
    command: Command,
) -> Result<Option<Vec<Signal>>, StoreError> {
    let about = match &command {
        Command::Run { run_id, .. } => Some(*run_id),
        Command::Start { .. } | Command::Session(_) => None,
    };
    let told = match Loaded::load(&mut transaction, session_id, about).await {
        Ok(Some(loaded)) => loaded.command(&mut transaction, command).await,
        Ok(None) => return Ok(None),
        Err(error) => Err(error.into()),
    };
    match told {
        Ok(changes) => {
            transaction.commit().await?;
            info!(session.id = %session_id, "the worker that had {session_id} is gone, or leaves");
            Ok(Some(changes.signals))
        }
        Err(WriteError::Store(error @ StoreError::Corrupt { .. })) => {
            error!(session.id = %session_id, %error, "a session cannot be taken from its worker");
            Ok(None)
        }
        Err(WriteError::Store(error)) => Err(error),
        Err(_refused) => Ok(None),
    }
}

#[derive(FromRow)]
struct StartRow {
    id: Id,
    incarnation: u32,
}

impl From<StartRow> for Holder {
    fn from(row: StartRow) -> Self {
        Self {
            worker_id: WorkerId::from_uuid(row.id.0),
            incarnation: row.incarnation,
        }
    }
}

/// The worker whose latest start this holder is, where it is one of the organization's, or, for
/// None, an embedded one.
///
/// # Errors
/// `Refused(LeaseLost)` where it is not.
pub(crate) async fn latest(
    connection: &mut SqliteConnection,
    holder: Holder,
    organization: Option<OrganizationContext>,
) -> Result<Worker, WriteError> {
    let worker = find(connection, holder.worker_id).await?;
    of_latest_start(worker, holder, organization)
}

/// The same within a transaction.
pub(crate) async fn latest_in(
    transaction: &mut Transaction,
    holder: Holder,
    organization: Option<OrganizationContext>,
) -> Result<Worker, WriteError> {
    let worker = find_in(transaction, holder.worker_id).await?;
    of_latest_start(worker, holder, organization)
}

fn of_latest_start(
    worker: Option<Worker>,
    holder: Holder,
    organization: Option<OrganizationContext>,
) -> Result<Worker, WriteError> {
    let organization_id = organization.map(OrganizationContext::organization_id);
    let worker = worker.filter(|worker| worker.organization_id == organization_id);
    Ok(Worker::of_latest_start(worker, holder)?)
}

/// What a decision reads of the worker that has its session.
pub(crate) async fn in_scene(
    connection: &mut SqliteConnection,
    holder: Holder,
) -> Result<SceneWorker, StoreError> {
    let worker = find(connection, holder.worker_id).await?;
    let worker = worker.ok_or_else(|| {
        let rule = "a worker that has a session is kept";
        corrupt("worker", &holder.worker_id, &rule)
    })?;
    Ok(worker.in_scene(holder))
}

/// Notes that this start of a worker called, where it is the latest. Answers since when that stands in
/// its row, where nothing was noted now: what is noted now may still be undone.
pub(crate) async fn called(
    transaction: &mut Transaction,
    holder: Holder,
    at: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let worker = find_in(transaction, holder.worker_id).await?;
    let Some(worker) = worker.filter(|worker| worker.incarnation == holder.incarnation) else {
        return Ok(None);
    };
    seen(transaction, &worker, at);
    Ok((!worker.is_to_be_noted(at)).then_some(worker.last_seen_at))
}

/// Notes that a worker called.
pub(crate) fn seen(transaction: &mut Transaction, worker: &Worker, at: Timestamp) {
    if worker.is_to_be_noted(at) {
        transaction
            .then("UPDATE worker SET last_seen_at = ? WHERE id = ?")
            .bind(At(at))
            .bind(Id(worker.id.uuid()));
    }
}

/// Notes that a lease call brings a worker runs.
pub(crate) fn bring(transaction: &mut Transaction, worker: &Worker) {
    transaction
        .then("UPDATE worker SET brought = brought + 1 WHERE id = ?")
        .bind(Id(worker.id.uuid()));
}

/// What reads a worker.
const WORKER: &str = "SELECT id, organization_id, incarnation, draining, last_seen_at, brought FROM worker WHERE id = ?";

/// A worker, as a transaction reads it that may write nothing.
async fn find_in(
    transaction: &mut Transaction,
    id: WorkerId,
) -> Result<Option<Worker>, StoreError> {
    transaction.ask(WORKER).bind(Id(id.uuid()));
    let rows = transaction.read(1).await?;
    let row = rows.iter().flatten().next().map(WorkerRow::from_row);
    Ok(row.transpose().map_err(store_error)?.map(Worker::from))
}

async fn find(
    connection: &mut SqliteConnection,
    id: WorkerId,
) -> Result<Option<Worker>, StoreError> {
    let row: Option<WorkerRow> = sqlx::query_as(WORKER)
        .bind(Id(id.uuid()))
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    Ok(row.map(Worker::from))
}

async fn count_leases(
    connection: &mut SqliteConnection,
    holder: Holder,
) -> Result<u32, StoreError> {
    let leases: i64 =
        sqlx::query_scalar("SELECT count(*) FROM live WHERE worker_id = ? AND incarnation = ?")
            .bind(Id(holder.worker_id.uuid()))
            .bind(holder.incarnation)
            .fetch_one(connection)
            .await
            .map_err(store_error)?;
    u32::try_from(leases).map_err(|_| corrupt("worker", &holder.worker_id, &"its leases are few"))
}
