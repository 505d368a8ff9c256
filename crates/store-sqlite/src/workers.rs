//! Workers: names with starts.

use async_trait::async_trait;
use rusqlite::params;
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

use crate::connection::Connection;
use crate::error::corrupt;
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
        let start: Option<(Id, u32)> = self
            .look(|connection| {
                connection.row(
                    "SELECT id, incarnation
                     FROM worker
                     WHERE ifnull(organization_id, x'') = ? AND name = ?",
                    params![Id(organization.organization_id().uuid()), name],
                )
            })
            .await?;
        Ok(start.map(started))
    }

    async fn drain(&self, holder: Holder) -> Result<(u32, Vec<Signal>), WriteError> {
        let draining = self.change(None, move |transaction| {
            let worker = find(transaction, holder.worker_id)?;
            Worker::of_latest_start(worker, holder)?;
            transaction.change(
                "UPDATE worker SET draining = 1 WHERE id = ? AND incarnation = ?",
                params![Id(holder.worker_id.uuid()), holder.incarnation],
            )?;
            Ok::<_, WriteError>(count_leases(transaction, holder)?)
        });
        let leases = draining.await?;

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
            let telling = self.tell(session_id, move |transaction| {
                let worker = find(transaction, holder.worker_id)?;
                let at = transaction.at();
                let command = worker.and_then(|worker| worker.gives_up(holder, at));
                Ok(command.map(Command::Session))
            });
            if let Some(signals) = telling.await? {
                swept.acted += 1;
                swept.signals.extend(signals);
            }
        }
        swept.more = swept.acted >= limit;
        Ok(swept)
    }

    async fn seen(&self, holder: Holder) -> Result<(), StoreError> {
        self.change(None, move |transaction| {
            let at = transaction.at();
            called(transaction, holder, at)?;
            Ok(())
        })
        .await
    }
}

/// A run that a start of a worker holds.
struct Held {
    run_id: RunId,
    session_id: SessionId,
    holder: Holder,
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
        let (name, start) = (name.to_owned(), start.map(str::to_owned));
        let starting = self.change(None, move |transaction| {
            let at = transaction.at();
            let organization_id = organization.map(OrganizationContext::organization_id);
            let organization_id = organization_id.map(|id| Id(id.uuid()));
            let new: Option<(Id, u32)> = transaction.row(
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
                params![
                    Id(WorkerId::new(at, random::random()).uuid()),
                    organization_id,
                    name,
                    At(at),
                    start,
                    STARTS_KNOWN
                ],
            )?;
            match new {
                Some(new) => Ok(new),
                None => transaction.only_row(
                    "SELECT worker.id, CAST(known.value AS INTEGER)
                     FROM worker, json_each(worker.starts) AS known
                     WHERE ifnull(worker.organization_id, x'') = ifnull(?1, x'') AND worker.name = ?2
                       AND known.key = ?3",
                    params![organization_id, name, start],
                ),
            }
        });
        Ok(started(starting.await?))
    }

    /// The runs that earlier starts of the worker hold.
    async fn held_before(&self, holder: Holder) -> Result<Vec<Held>, StoreError> {
        let rows: Vec<(Id, Id, u32)> = self
            .read(move |connection| {
                connection.rows(
                    "SELECT run_id, session_id, incarnation
                     FROM live
                     WHERE worker_id = ? AND incarnation < ?
                     ORDER BY run_id",
                    params![Id(holder.worker_id.uuid()), holder.incarnation],
                )
            })
            .await?;
        let held = rows
            .into_iter()
            .map(|(run_id, session_id, incarnation)| Held {
                run_id: RunId::from_uuid(run_id.0),
                session_id: SessionId::from_uuid(session_id.0),
                holder: Holder {
                    incarnation,
                    ..holder
                },
            });
        Ok(held.collect())
    }

    /// The sessions that earlier starts of the worker have, each with the start.
    async fn kept_before(&self, holder: Holder) -> Result<Vec<(SessionId, Holder)>, StoreError> {
        let rows: Vec<(Id, u32)> = self
            .read(move |connection| {
                connection.rows(
                    "SELECT id, incarnation
                     FROM session
                     WHERE worker_id = ? AND incarnation < ?
                     ORDER BY id",
                    params![Id(holder.worker_id.uuid()), holder.incarnation],
                )
            })
            .await?;
        let kept = rows.into_iter().map(|(id, incarnation)| {
            let holder = Holder {
                incarnation,
                ..holder
            };
            (SessionId::from_uuid(id.0), holder)
        });
        Ok(kept.collect())
    }

    /// The sessions that this start of the worker has.
    pub(crate) async fn kept_by(&self, holder: Holder) -> Result<Vec<SessionId>, StoreError> {
        let ids: Vec<Id> = self
            .read(move |connection| {
                connection.values(
                    "SELECT id FROM session WHERE worker_id = ? AND incarnation = ? ORDER BY id",
                    params![Id(holder.worker_id.uuid()), holder.incarnation],
                )
            })
            .await?;
        Ok(ids
            .into_iter()
            .map(|id| SessionId::from_uuid(id.0))
            .collect())
    }

    /// The idle sessions of starts of workers that lease nothing more, since they are gone, drain,
    /// or are not the latest; each with the start. Over all organizations.
    async fn kept_by_leaving(&self, limit: u32) -> Result<Vec<(SessionId, Holder)>, StoreError> {
        let seen_last = At(self.now() - GONE_AFTER);
        let rows: Vec<(Id, Id, u32)> = self
            .read(move |connection| {
                connection.rows(
                    // Worker by worker, and of each only what it must give up: what the others keep is
                    // not read.
                    "SELECT session.id, session.worker_id, session.incarnation
                     FROM worker
                     CROSS JOIN session
                         ON session.worker_id = worker.id
                        AND session.incarnation
                            < worker.incarnation + (worker.draining OR worker.last_seen_at <= ?)
                     WHERE session.status = ?
                     LIMIT ? + 0",
                    params![seen_last, SessionStatus::Idle.as_str(), limit],
                )
            })
            .await?;
        let kept = rows.into_iter().map(|(id, worker_id, incarnation)| {
            let id = SessionId::from_uuid(id.0);
            (id, started((worker_id, incarnation)))
        });
        Ok(kept.collect())
    }

    /// A command to one scene, in a transaction of its own.
    async fn tell_session(
        &self,
        session_id: SessionId,
        command: Command,
    ) -> Result<Option<Vec<Signal>>, StoreError> {
        self.tell(session_id, |_| Ok(Some(command))).await
    }

    /// The command that is found, where one is, to one scene, in one transaction. None where the scene
    /// has moved on, or is broken: that must not keep a worker from starting.
    async fn tell(
        &self,
        session_id: SessionId,
        find_command: impl FnOnce(&Transaction<'_>) -> Result<Option<Command>, StoreError>
        + Send
        + 'static,
    ) -> Result<Option<Vec<Signal>>, StoreError> {
        let told = self.change(None, move |transaction| {
            let Some(command) = find_command(transaction)? else {
                return Ok(None);
            };
            let about = match &command {
                Command::Run { run_id, .. } => Some(*run_id),
                Command::Start { .. } | Command::Session(_) => None,
            };
            match Loaded::load(transaction, session_id, about)? {
                Some(loaded) => loaded.command(transaction, &command).map(Some),
                None => Ok(None),
            }
        });
        match told.await {
            Ok(Some(changes)) => {
                info!(session.id = %session_id, "the worker that had {session_id} is gone, or leaves");
                Ok(Some(changes.signals))
            }
            Ok(None) => Ok(None),
            Err(WriteError::Store(error @ StoreError::Corrupt { .. })) => {
                error!(session.id = %session_id, %error, "a session cannot be taken from its worker");
                Ok(None)
            }
            Err(WriteError::Store(error)) => Err(error),
            Err(_refused) => Ok(None),
        }
    }
}

/// The start of this number of the worker of this id.
fn started((id, incarnation): (Id, u32)) -> Holder {
    Holder {
        worker_id: WorkerId::from_uuid(id.0),
        incarnation,
    }
}

/// The worker whose latest start this holder is, where it is one of the organization's, or, for
/// None, an embedded one.
///
/// # Errors
/// `Refused(LeaseLost)` where it is not.
pub(crate) fn latest(
    connection: &Connection,
    holder: Holder,
    organization: Option<OrganizationContext>,
) -> Result<Worker, WriteError> {
    let worker = find(connection, holder.worker_id)?;
    let organization_id = organization.map(OrganizationContext::organization_id);
    let worker = worker.filter(|worker| worker.organization_id == organization_id);
    Ok(Worker::of_latest_start(worker, holder)?)
}

/// What a decision reads of the worker that has its session.
pub(crate) fn in_scene(connection: &Connection, holder: Holder) -> Result<SceneWorker, StoreError> {
    let worker = find(connection, holder.worker_id)?;
    let worker = worker.ok_or_else(|| {
        let rule = "a worker that has a session is kept";
        corrupt("worker", &holder.worker_id, &rule)
    })?;
    Ok(worker.in_scene(holder))
}

/// Notes that this start of a worker called, where it is the latest. Answers since when that stands in
/// its row, where nothing was noted now: what is noted now may still be undone.
pub(crate) fn called(
    transaction: &mut Transaction<'_>,
    holder: Holder,
    at: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let worker = find(transaction, holder.worker_id)?;
    let Some(worker) = worker.filter(|worker| worker.incarnation == holder.incarnation) else {
        return Ok(None);
    };
    seen(transaction, &worker, at)?;
    Ok((!worker.is_to_be_noted(at)).then_some(worker.last_seen_at))
}

/// Notes that a worker called.
pub(crate) fn seen(
    transaction: &mut Transaction<'_>,
    worker: &Worker,
    at: Timestamp,
) -> Result<(), StoreError> {
    if worker.is_to_be_noted(at) {
        transaction.change(
            "UPDATE worker SET last_seen_at = ? WHERE id = ?",
            params![At(at), Id(worker.id.uuid())],
        )?;
    }
    Ok(())
}

/// Notes that a lease call brings a worker runs.
pub(crate) fn bring(transaction: &mut Transaction<'_>, worker: &Worker) -> Result<(), StoreError> {
    transaction.change(
        "UPDATE worker SET brought = (brought + 1) % 4294967296 WHERE id = ?",
        params![Id(worker.id.uuid())],
    )?;
    Ok(())
}

/// The worker of this id, whose ever it is.
pub(crate) fn find(connection: &Connection, id: WorkerId) -> Result<Option<Worker>, StoreError> {
    let row: Option<WorkerRow> = connection.row(
        "SELECT id, organization_id, incarnation, draining, last_seen_at, brought
         FROM worker
         WHERE id = ?",
        params![Id(id.uuid())],
    )?;
    Ok(row.map(Worker::from))
}

fn count_leases(connection: &Connection, holder: Holder) -> Result<u32, StoreError> {
    let leases: i64 = connection.only_value(
        "SELECT count(*) FROM live WHERE worker_id = ? AND incarnation = ?",
        params![Id(holder.worker_id.uuid()), holder.incarnation],
    )?;
    u32::try_from(leases).map_err(|_| corrupt("worker", &holder.worker_id, &"its leases are few"))
}
