//! Workers: names with starts.

use async_trait::async_trait;
use sqlx::FromRow;
use sqlx::postgres::PgConnection;
use tracing::{error, info, warn};
use windlass_application::ports::runs::Swept;
use windlass_application::ports::workers::{GONE_AFTER, Registered, STARTS_KNOWN};
use windlass_application::ports::{StoreError, Workers, WriteError};
use windlass_application::{OrganizationContext, random};
use windlass_domain::Timestamp;
use windlass_domain::id::{RunId, SessionId, WorkerId};
use windlass_domain::lifecycle::{Changes, Command, SceneWorker, Signal};
use windlass_domain::run::{Holder, RunCommand};
use windlass_domain::session::{SessionCommand, SessionStatus};
use windlass_records::columns::{At, Count, Id};
use windlass_records::rows::{Worker, WorkerRow};

use crate::error::{corrupt, store_error};
use crate::retry::retrying;
use crate::runs::Loaded;
use crate::store::PostgresStore;

#[async_trait]
impl Workers for PostgresStore {
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
             WHERE coalesce(organization_id, '00000000-0000-0000-0000-000000000000') = $1
               AND name = $2",
        )
        .bind(Id(organization.organization_id().uuid()))
        .bind(name)
        .fetch_optional(self.pool())
        .await
        .map_err(store_error)?;
        Ok(row.map(Holder::from))
    }

    async fn drain(&self, holder: Holder) -> Result<(u32, Vec<Signal>), WriteError> {
        // Waits for leases of this start that are under way, and counts them; and for what its runs say.
        let mut transaction = self.begin(None).await?;
        let statement = "SELECT 1 FROM worker WHERE id = $1 FOR UPDATE";
        lock(transaction.connection(), statement, holder.worker_id).await?;
        let drained =
            sqlx::query("UPDATE worker SET draining = true WHERE id = $1 AND incarnation = $2")
                .bind(Id(holder.worker_id.uuid()))
                .bind(Count(holder.incarnation))
                .execute(transaction.connection())
                .await
                .map_err(store_error)?;
        transaction.commit().await?;
        let mut connection = self.pool().acquire().await.map_err(store_error)?;
        if drained.rows_affected() == 0 {
            let worker = find(&mut connection, holder.worker_id).await?;
            Worker::of_latest_start(worker, holder)?;
        }
        let leases = count_leases(&mut connection, holder).await?;
        drop(connection);

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
            if let Some(signals) = self.tell_of_leaving(session_id, holder).await? {
                swept.acted += 1;
                swept.signals.extend(signals);
            }
        }
        swept.more = swept.acted >= limit;
        Ok(swept)
    }

    async fn seen(&self, holder: Holder) -> Result<(), StoreError> {
        let at = self.now();
        if self.last_noted().is_recent(holder, at) {
            return Ok(());
        }
        let mut connection = self.pool().acquire().await.map_err(store_error)?;
        let worker = find(&mut connection, holder.worker_id).await?;
        let worker = worker.filter(|worker| worker.incarnation == holder.incarnation);
        let Some(worker) = worker else { return Ok(()) };
        seen(&mut connection, &worker, at).await?;
        let is_old = worker.is_to_be_noted(at);
        let noted_at = if is_old { at } else { worker.last_seen_at };
        self.last_noted().set(holder, noted_at);
        Ok(())
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
    incarnation: Count,
}

#[derive(FromRow)]
struct GoneRow {
    id: Id,
    worker_id: Id,
    incarnation: Count,
}

#[derive(FromRow)]
struct KeptRow {
    id: Id,
    incarnation: Count,
}

impl PostgresStore {
    /// The number of a start: once it is a new one, the earlier starts lease nothing, so that what they
    /// hold only gets less.
    async fn next_start(
        &self,
        organization: Option<OrganizationContext>,
        name: &str,
        start: Option<&str>,
    ) -> Result<Holder, WriteError> {
        loop {
            if let Some(new) = self.new_start(organization, name, start).await? {
                return Ok(new);
            }
            if let Some(known) = self.known_start(organization, name, start).await? {
                return Ok(known);
            }
            // So many others started in between that it is known no more.
        }
    }

    /// A new start of the worker; None where it has started so already.
    async fn new_start(
        &self,
        organization: Option<OrganizationContext>,
        name: &str,
        start: Option<&str>,
    ) -> Result<Option<Holder>, StoreError> {
        let at = self.now();
        let organization_id = organization.map(OrganizationContext::organization_id);
        let organization_id = organization_id.map(|id| Id(id.uuid()));
        let mut transaction = self.begin(None).await?;
        // The insertion alone would not wait for what the runs of the start before say.
        sqlx::query(
            "SELECT 1
             FROM worker
             WHERE coalesce(organization_id, '00000000-0000-0000-0000-000000000000')
                     = coalesce($1, '00000000-0000-0000-0000-000000000000')
               AND name = $2
             FOR UPDATE",
        )
        .bind(organization_id)
        .bind(name)
        .execute(transaction.connection())
        .await
        .map_err(store_error)?;
        let row: Option<StartRow> = sqlx::query_as(
            // Null is no name: a start that has none is always a new one.
            "INSERT INTO worker
                 (id, organization_id, name, incarnation, draining, last_seen_at, brought, starts)
             VALUES ($1, $2, $3, 1, false, $4, 0,
                 CASE WHEN $5 IS NULL THEN '{}' ELSE jsonb_build_object($5, 1) END)
             ON CONFLICT (coalesce(organization_id, '00000000-0000-0000-0000-000000000000'), name)
             DO UPDATE
             SET incarnation = worker.incarnation + 1, draining = false,
                 last_seen_at = excluded.last_seen_at, brought = 0,
                 starts = (
                     SELECT coalesce(jsonb_object_agg(start, number), '{}')
                     FROM (
                         SELECT key AS start, value::bigint AS number
                         FROM jsonb_each_text(worker.starts)
                         WHERE value::bigint > worker.incarnation + 1 - $6
                         UNION ALL
                         SELECT key, worker.incarnation + 1
                         FROM jsonb_each_text(excluded.starts)
                     ) AS known
                 )
             WHERE worker.starts ->> $5 IS NULL
             RETURNING id, incarnation",
        )
        .bind(Id(WorkerId::new(at, random::random()).uuid()))
        .bind(organization_id)
        .bind(name)
        .bind(At(at))
        .bind(start)
        .bind(Count(STARTS_KNOWN))
        .fetch_optional(transaction.connection())
        .await
        .map_err(store_error)?;
        transaction.commit().await?;
        Ok(row.map(Holder::from))
    }

    /// A start that the worker has made before.
    async fn known_start(
        &self,
        organization: Option<OrganizationContext>,
        name: &str,
        start: Option<&str>,
    ) -> Result<Option<Holder>, StoreError> {
        let organization_id = organization.map(OrganizationContext::organization_id);
        let row: Option<StartRow> = sqlx::query_as(
            "SELECT id, (starts ->> $3)::bigint AS incarnation
             FROM worker
             WHERE coalesce(organization_id, '00000000-0000-0000-0000-000000000000')
                     = coalesce($1, '00000000-0000-0000-0000-000000000000')
               AND name = $2 AND starts ->> $3 IS NOT NULL",
        )
        .bind(organization_id.map(|id| Id(id.uuid())))
        .bind(name)
        .bind(start)
        .fetch_optional(self.pool())
        .await
        .map_err(store_error)?;
        Ok(row.map(Holder::from))
    }

    /// The runs that earlier starts of the worker hold.
    async fn held_before(&self, holder: Holder) -> Result<Vec<Held>, StoreError> {
        let rows: Vec<HeldRow> = sqlx::query_as(
            "SELECT run_id, session_id, incarnation
             FROM live
             WHERE worker_id = $1 AND incarnation < $2
             ORDER BY run_id",
        )
        .bind(Id(holder.worker_id.uuid()))
        .bind(Count(holder.incarnation))
        .fetch_all(self.pool())
        .await
        .map_err(store_error)?;
        let held = rows.into_iter().map(|row| Held {
            run_id: RunId::from_uuid(row.run_id.0),
            session_id: SessionId::from_uuid(row.session_id.0),
            holder: Holder {
                incarnation: row.incarnation.0,
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
             WHERE worker_id = $1 AND incarnation < $2
             ORDER BY id",
        )
        .bind(Id(holder.worker_id.uuid()))
        .bind(Count(holder.incarnation))
        .fetch_all(self.pool())
        .await
        .map_err(store_error)?;
        let kept = rows.into_iter().map(|row| {
            let incarnation = row.incarnation.0;
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
            "SELECT id FROM session WHERE worker_id = $1 AND incarnation = $2 ORDER BY id",
        )
        .bind(Id(holder.worker_id.uuid()))
        .bind(Count(holder.incarnation))
        .fetch_all(self.pool())
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
            "SELECT kept.id AS id, worker.id AS worker_id, kept.incarnation AS incarnation
             FROM worker
             CROSS JOIN LATERAL (
                 SELECT session.id, session.incarnation
                 FROM session
                 WHERE session.worker_id = worker.id
                   AND session.incarnation < worker.incarnation
                     + CASE WHEN worker.draining OR worker.last_seen_at <= $1 THEN 1 ELSE 0 END
                   AND session.status = $2
                 LIMIT $3
             ) AS kept
             LIMIT $3",
        )
        .bind(At(self.now() - GONE_AFTER))
        .bind(SessionStatus::Idle.as_str())
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await
        .map_err(store_error)?;
        let kept = rows.into_iter().map(|row| {
            let holder = Holder {
                worker_id: WorkerId::from_uuid(row.worker_id.0),
                incarnation: row.incarnation.0,
            };
            (SessionId::from_uuid(row.id.0), holder)
        });
        Ok(kept.collect())
    }

    /// Tells a session that its worker leases nothing more, unless that has called since.
    async fn tell_of_leaving(
        &self,
        session_id: SessionId,
        holder: Holder,
    ) -> Result<Option<Vec<Signal>>, StoreError> {
        let mut connection = self.pool().acquire().await.map_err(store_error)?;
        let worker = find(&mut connection, holder.worker_id).await?;
        drop(connection);
        match worker.and_then(|worker| worker.gives_up(holder, self.now())) {
            Some(command) => {
                let command = Command::Session(command);
                self.tell_session(session_id, command).await
            }
            None => Ok(None),
        }
    }

    /// Notes that a start of a worker called. That is for the sweep alone: where it fails, the next
    /// call is noted.
    pub(crate) async fn note_call(&self, holder: Holder) {
        if let Err(error) = Workers::seen(self, holder).await {
            warn!(worker.id = %holder.worker_id, %error, "a worker's call was not noted");
        }
    }

    /// A command to one scene, in a transaction of its own. None where the scene has moved on, or
    /// is broken: that must not keep a worker from starting.
    async fn tell_session(
        &self,
        session_id: SessionId,
        command: Command,
    ) -> Result<Option<Vec<Signal>>, StoreError> {
        match retrying(|| self.try_tell_session(session_id, command.clone())).await {
            Ok(Some(changes)) => {
                info!(session.id = %session_id, "the worker that had {session_id} is gone, or leaves");
                Ok(Some(changes.signals))
            }
            Err(WriteError::Store(error @ StoreError::Corrupt { .. })) => {
                error!(session.id = %session_id, %error, "a session cannot be taken from its worker");
                Ok(None)
            }
            Err(WriteError::Store(error)) => Err(error),
            Ok(None) | Err(_) => Ok(None),
        }
    }

    async fn try_tell_session(
        &self,
        session_id: SessionId,
        command: Command,
    ) -> Result<Option<Changes>, WriteError> {
        let mut transaction = self.begin(None).await?;
        let Some(loaded) = Loaded::load(&mut transaction, session_id).await? else {
            return Ok(None);
        };
        let changes = loaded.command(&mut transaction, command).await?;
        transaction.commit().await?;
        Ok(Some(changes))
    }
}

#[derive(FromRow)]
struct StartRow {
    id: Id,
    incarnation: Count,
}

impl From<StartRow> for Holder {
    fn from(row: StartRow) -> Self {
        Self {
            worker_id: WorkerId::from_uuid(row.id.0),
            incarnation: row.incarnation.0,
        }
    }
}

/// The worker whose latest start this holder is, where it is one of the organization's, or, for
/// None, an embedded one.
///
/// # Errors
/// `Refused(LeaseLost)` where it is not.
pub(crate) async fn latest(
    connection: &mut PgConnection,
    holder: Holder,
    organization: Option<OrganizationContext>,
) -> Result<Worker, WriteError> {
    let organization_id = organization.map(OrganizationContext::organization_id);
    let worker = find(connection, holder.worker_id).await?;
    let worker = worker.filter(|worker| worker.organization_id == organization_id);
    Ok(Worker::of_latest_start(worker, holder)?)
}

/// As [`latest`]; a new start of the worker, its drain and its other lease calls wait for the end of the
/// transaction. What its runs say does not.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    holder: Holder,
    organization: Option<OrganizationContext>,
) -> Result<Worker, WriteError> {
    let statement = "SELECT 1 FROM worker WHERE id = $1 FOR NO KEY UPDATE";
    lock(connection, statement, holder.worker_id).await?;
    latest(connection, holder, organization).await
}

/// What a decision reads of the worker that has its session: a new start of it, and its drain, wait
/// for the end of the transaction, and find what this has left it.
pub(crate) async fn in_scene(
    connection: &mut PgConnection,
    holder: Holder,
) -> Result<SceneWorker, StoreError> {
    let statement = "SELECT 1 FROM worker WHERE id = $1 FOR KEY SHARE";
    lock(connection, statement, holder.worker_id).await?;
    let worker = find(connection, holder.worker_id).await?;
    let worker = worker.ok_or_else(|| {
        let rule = "a worker that has a session is kept";
        corrupt("worker", &holder.worker_id, &rule)
    })?;
    Ok(worker.in_scene(holder))
}

/// A lock by itself: what a statement reads beside a lock that it waits for may be old.
async fn lock(
    connection: &mut PgConnection,
    statement: &'static str,
    id: WorkerId,
) -> Result<(), StoreError> {
    sqlx::query(statement)
        .bind(Id(id.uuid()))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Notes that a lease call brings a worker runs.
pub(crate) async fn bring(
    connection: &mut PgConnection,
    worker: &Worker,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE worker SET brought = (brought + 1) % 4294967296 WHERE id = $1")
        .bind(Id(worker.id.uuid()))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Notes that a worker called.
pub(crate) async fn seen(
    connection: &mut PgConnection,
    worker: &Worker,
    at: Timestamp,
) -> Result<(), StoreError> {
    if !worker.is_to_be_noted(at) {
        return Ok(());
    }
    sqlx::query("UPDATE worker SET last_seen_at = $1 WHERE id = $2")
        .bind(At(at))
        .bind(Id(worker.id.uuid()))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

async fn find(connection: &mut PgConnection, id: WorkerId) -> Result<Option<Worker>, StoreError> {
    let row: Option<WorkerRow> = sqlx::query_as(
        "SELECT id, organization_id, incarnation, draining, last_seen_at, brought
         FROM worker
         WHERE id = $1",
    )
    .bind(Id(id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(row.map(Worker::from))
}

async fn count_leases(connection: &mut PgConnection, holder: Holder) -> Result<u32, StoreError> {
    let leases: i64 =
        sqlx::query_scalar("SELECT count(*) FROM live WHERE worker_id = $1 AND incarnation = $2")
            .bind(Id(holder.worker_id.uuid()))
            .bind(Count(holder.incarnation))
            .fetch_one(connection)
            .await
            .map_err(store_error)?;
    u32::try_from(leases).map_err(|_| corrupt("worker", &holder.worker_id, &"its leases are few"))
}
