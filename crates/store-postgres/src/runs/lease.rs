//! `Runs::lease`: queued runs for a worker, now running under a new epoch.

use std::collections::HashSet;

use tracing::{error, warn};
use uuid::Uuid;
use windlass_application::OrganizationContext;
use windlass_application::ports::runs::{LeaseRequest, Leased, LeasedRun, is_behind};
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::lifecycle::{Changes, Command};
use windlass_domain::pool::Pool;
use windlass_records::columns::{Count, Id};
use windlass_records::rows::Worker;
use windlass_records::{Room, Told, lease_again};

use super::leased::equipment;
use super::pick::Picks;
use super::scene::Loaded;
use crate::error::store_error;
use crate::retry::retrying;
use crate::store::PostgresStore;
use crate::transaction::Transaction;
use crate::workers;

pub(super) async fn lease(
    store: &PostgresStore,
    request: &LeaseRequest,
) -> Result<Leased, WriteError> {
    let ended_sessions = ended(store, request).await?;
    // Most polls bring nothing, and those take no lock and write nothing.
    let mut leased = match brings_nothing(store, request).await? {
        Some(worker) => Leased {
            brought: worker.brought,
            ..Leased::default()
        },
        None => retrying(|| what_there_is(store, request)).await?,
    };
    leased.ended_sessions = ended_sessions;
    Ok(leased)
}

/// The worker, where there is nothing to lease. Notes that it called, now and then.
async fn brings_nothing(
    store: &PostgresStore,
    request: &LeaseRequest,
) -> Result<Option<Worker>, WriteError> {
    let mut connection = store.pool().acquire().await.map_err(store_error)?;
    let (holder, organization) = (request.holder, request.organization);
    let worker = workers::latest(&mut connection, holder, organization).await?;
    workers::seen(&mut connection, &worker, store.now()).await?;
    if worker.draining {
        return Ok(Some(worker));
    }
    if is_behind(request.heard, worker.brought) {
        return Ok(None);
    }
    if request.capacity > 0 {
        for pool in &request.pools {
            let picks = picks(store, request, pool);
            if !picks.is_empty(&mut connection).await? {
                return Ok(None);
            }
        }
    }
    Ok(Some(worker))
}

/// The whole of a lease that may bring something.
async fn what_there_is(
    store: &PostgresStore,
    request: &LeaseRequest,
) -> Result<Leased, WriteError> {
    let mut transaction = store.begin(None).await?;
    let (holder, organization) = (request.holder, request.organization);
    // A new start of the worker waits for this, and then finds what it leased; and so does another call of
    // this one.
    let worker = workers::hold(transaction.connection(), holder, organization).await?;
    transaction.has_waited();
    let mut leased = Leased {
        brought: worker.brought,
        ..Leased::default()
    };
    let mut turns = Vec::new();
    if !worker.draining && is_behind(request.heard, worker.brought) {
        again(&mut transaction, request, &mut leased).await?;
    } else if !worker.draining {
        let mut room = Room::of(request);
        for pool in &request.pools {
            let picks = picks(store, request, pool);
            let last = from_pool(&mut transaction, request, picks, &mut room, &mut leased).await?;
            turns.extend(last.map(|last| (pool, last)));
        }
        if !leased.runs.is_empty() {
            workers::bring(transaction.connection(), &worker).await?;
            leased.brought = leased.brought.wrapping_add(1);
        }
    }
    transaction.commit().await?;
    remember(store, turns);
    Ok(leased)
}

fn picks(store: &PostgresStore, request: &LeaseRequest, pool: &Pool) -> Picks {
    Picks::new(
        pool.clone(),
        request.holder,
        request
            .organization
            .map(OrganizationContext::organization_id),
        store.turns().last(pool),
    )
}

/// A turn is over once its lease is committed.
fn remember(store: &PostgresStore, turns: Vec<(&Pool, OrganizationId)>) {
    for (pool, organization_id) in turns {
        store.turns().took(pool, organization_id);
    }
}

/// Leases from one pool until the worker has what it asked for, and says whose turn it was last. A run
/// whose session somebody else has at this moment stays where it is, for the next lease.
async fn from_pool(
    transaction: &mut Transaction,
    request: &LeaseRequest,
    mut picks: Picks,
    room: &mut Room,
    leased: &mut Leased,
) -> Result<Option<OrganizationId>, WriteError> {
    let mut last = None;
    while room.runs() > 0 {
        let picked = picks.next(transaction.connection(), room.runs()).await?;
        if picked.is_empty() {
            break;
        }
        let session_ids: Vec<SessionId> = picked.iter().map(|it| it.session_id).collect();
        let mut scenes = Loaded::load_free(transaction, &session_ids, None).await?;
        for picked in picked {
            if room.runs() == 0 {
                break;
            }
            last = Some(picked.organization_id);
            let Some(scene) = scenes.remove(&picked.session_id) else {
                continue;
            };
            let one = (picked.run_id, windlass_records::lease as Told);
            let before = leased.runs.len();
            take(transaction, request, one, scene, leased).await?;
            room.give(&leased.runs[before..]);
        }
    }
    Ok(last)
}

/// Brings again what the worker was leased and has not heard of. As many as one call has brought, whatever
/// its capacity is now: it has asked for them. Who has one of their sessions at this moment is waited for,
/// since nothing comes a third time.
async fn again(
    transaction: &mut Transaction,
    request: &LeaseRequest,
    leased: &mut Leased,
) -> Result<(), WriteError> {
    let held: Vec<Uuid> = request.held.iter().map(|id| id.uuid()).collect();
    let unsaid: Vec<(Id, Id)> = sqlx::query_as(
        "SELECT run_id, session_id
         FROM live
         WHERE worker_id = $1 AND incarnation = $2 AND run_id <> ALL($3)
         ORDER BY session_id",
    )
    .bind(Id(request.holder.worker_id.uuid()))
    .bind(Count(request.holder.incarnation))
    .bind(held)
    .fetch_all(transaction.connection())
    .await
    .map_err(store_error)?;
    for (run_id, session_id) in unsaid {
        let scene = Loaded::load(transaction, SessionId::from_uuid(session_id.0)).await;
        let Some(scene) = scene.transpose() else {
            continue;
        };
        let one = (RunId::from_uuid(run_id.0), lease_again as Told);
        take(transaction, request, one, scene, leased).await?;
    }
    Ok(())
}

/// Adds a run to those that are leased, where it may be.
async fn take(
    transaction: &mut Transaction,
    request: &LeaseRequest,
    (run_id, told): (RunId, Told),
    scene: Result<Loaded, StoreError>,
    leased: &mut Leased,
) -> Result<(), WriteError> {
    match lease_one(transaction, request, (run_id, told), scene).await {
        Ok(Some((run, changes))) => {
            leased.runs.push(run);
            leased.signals.extend(changes.signals);
        }
        Ok(None) => {}
        // One broken row must not keep all others from being done.
        Err(WriteError::Store(error @ StoreError::Corrupt { .. })) => {
            error!(run.id = %run_id, %error, "a run cannot be leased");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Leases one run; None where it may not be leased after all. Nothing is written where it fails
/// over a broken row: all is read before.
async fn lease_one(
    transaction: &mut Transaction,
    request: &LeaseRequest,
    (run_id, told): (RunId, Told),
    scene: Result<Loaded, StoreError>,
) -> Result<Option<(LeasedRun, Changes)>, WriteError> {
    let loaded = scene?;
    let run = loaded.scene.runs.iter().find(|run| run.id == run_id);
    let Some(run) = run else {
        return Ok(None);
    };
    let Some(command) = told(request, run) else {
        return Ok(None);
    };
    let equipment = equipment(transaction.connection(), run).await?;
    let command = Command::Run { run_id, command };
    match loaded.command(transaction, command).await {
        Ok(changes) => {
            let run = changes.runs.iter().find(|run| run.id == run_id).cloned();
            Ok(run.map(|run| (equipment.of(run), changes)))
        }
        Err(WriteError::Refused(refusal)) => {
            warn!(run.id = %run_id, %refusal, "a run is left where it is");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Those of the worker's sessions that it no longer has.
async fn ended(
    store: &PostgresStore,
    request: &LeaseRequest,
) -> Result<Vec<SessionId>, StoreError> {
    if request.sessions.is_empty() {
        return Ok(Vec::new());
    }
    let kept: HashSet<SessionId> = store.kept_by(request.holder).await?.into_iter().collect();
    let told = request.sessions.iter().copied();
    Ok(told.filter(|id| !kept.contains(id)).collect())
}
