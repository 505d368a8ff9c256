//! `Runs::lease`: queued runs for a worker, now running under a new epoch.

use std::collections::HashSet;

use sqlx::sqlite::SqliteConnection;
use tracing::{error, warn};
use windlass_application::OrganizationContext;
use windlass_application::ports::runs::{LeaseRequest, Leased, LeasedRun, is_behind};
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::id::{OrganizationId, SessionId};
use windlass_domain::lifecycle::{Changes, Command};
use windlass_domain::pool::Pool;
use windlass_records::columns::{HeldBy, Id};
use windlass_records::rows::Worker;
use windlass_records::{Told, capacity, lease_again};

use super::leased::{LastEquipped, equipment};
use super::pick::{Picked, Picks};
use super::scene::Loaded;
use crate::error::store_error;
use crate::store::SqliteStore;
use crate::transaction::Transaction;
use crate::workers;

pub(super) async fn lease(
    store: &SqliteStore,
    request: LeaseRequest,
) -> Result<Leased, WriteError> {
    let mut leased = Leased {
        ended_sessions: ended(store, &request).await?,
        ..Leased::default()
    };
    // Most polls bring nothing, and those take no lock and write nothing.
    if let Some(worker) = brings_nothing(store, &request).await? {
        leased.brought = worker.brought;
        return Ok(leased);
    }
    let mut transaction = store.begin(None).await?;
    let (holder, organization) = (request.holder, request.organization);
    let at = transaction.at();
    let worker = workers::latest_in(&mut transaction, holder, organization).await?;
    workers::seen(&mut transaction, &worker, at);
    leased.brought = worker.brought;

    let mut turns = Vec::new();
    if !worker.draining && is_behind(request.heard, worker.brought) {
        again(&mut transaction, &request, &mut leased).await?;
    } else if !worker.draining {
        for pool in &request.pools {
            let picks = picks(store, &request, pool);
            let picks = from_pool(&mut transaction, &request, picks, &mut leased).await?;
            turns.extend(picks.last().map(|last| (pool, last)));
        }
        if !leased.runs.is_empty() {
            workers::bring(&mut transaction, &worker);
            leased.brought += 1;
        }
    }
    transaction.commit().await?;
    remember(store, turns);
    Ok(leased)
}

/// The worker, where there is nothing to lease and nothing to note.
async fn brings_nothing(
    store: &SqliteStore,
    request: &LeaseRequest,
) -> Result<Option<Worker>, WriteError> {
    let mut reader = store.reader().await?;
    let worker = workers::latest(&mut reader, request.holder, request.organization).await?;
    if worker.is_to_be_noted(store.now()) {
        return Ok(None);
    }
    if worker.draining {
        return Ok(Some(worker));
    }
    if is_behind(request.heard, worker.brought) {
        return Ok(None);
    }
    if request.capacity > 0 {
        for pool in &request.pools {
            if somebody_waits(&mut reader, request, pool).await? {
                return Ok(None);
            }
        }
    }
    Ok(Some(worker))
}

/// Whether a run of this pool waits for this worker: one look into an index, whatever is there.
async fn somebody_waits(
    connection: &mut SqliteConnection,
    request: &LeaseRequest,
    pool: &Pool,
) -> Result<bool, StoreError> {
    let held_by = HeldBy(Some(request.holder));
    let looked = match request.organization {
        Some(organization) => sqlx::query_scalar(
            "SELECT EXISTS (
                 SELECT 1 FROM queue WHERE pool = ? AND held_by IN (x'', ?) AND organization_id = ?
             )",
        )
        .bind(pool.as_str())
        .bind(held_by)
        .bind(Id(organization.organization_id().uuid())),
        None => sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM queue WHERE pool = ? AND held_by IN (x'', ?))",
        )
        .bind(pool.as_str())
        .bind(held_by),
    };
    looked.fetch_one(connection).await.map_err(store_error)
}

fn picks(store: &SqliteStore, request: &LeaseRequest, pool: &Pool) -> Picks {
    Picks::new(
        pool.clone(),
        request.holder,
        request
            .organization
            .map(OrganizationContext::organization_id),
        store.turns().last(pool),
        capacity(request),
    )
}

/// A turn is over once its lease is committed.
fn remember(store: &SqliteStore, turns: Vec<(&Pool, OrganizationId)>) {
    for (pool, organization_id) in turns {
        store.turns().took(pool, organization_id);
    }
}

/// Leases from one pool until the worker has what it asked for.
async fn from_pool(
    transaction: &mut Transaction,
    request: &LeaseRequest,
    mut picks: Picks,
    leased: &mut Leased,
) -> Result<Picks, WriteError> {
    let capacity = capacity(request);
    let mut equipped = None;
    while leased.runs.len() < capacity {
        let picked = match picks.next_read() {
            Some(read) => Some(read),
            None => picks.next(transaction).await?,
        };
        let Some(picked) = picked else {
            break;
        };
        take(
            transaction,
            request,
            (picked, windlass_records::lease),
            &mut equipped,
            leased,
        )
        .await?;
    }
    Ok(picks)
}

/// Brings again what the worker was leased and has not heard of. As many as one call has brought, whatever
/// its capacity is now: it has asked for them.
async fn again(
    transaction: &mut Transaction,
    request: &LeaseRequest,
    leased: &mut Leased,
) -> Result<(), WriteError> {
    let mut equipped = None;
    for picked in Picked::held(transaction, request).await? {
        take(
            transaction,
            request,
            (picked, lease_again),
            &mut equipped,
            leased,
        )
        .await?;
    }
    Ok(())
}

/// Adds a run to those that are leased, where it may be.
async fn take(
    transaction: &mut Transaction,
    request: &LeaseRequest,
    (picked, told): (Picked, Told),
    equipped: &mut LastEquipped,
    leased: &mut Leased,
) -> Result<(), WriteError> {
    let run_id = picked.run_id;
    match lease_one(transaction, request, (picked, told), equipped).await {
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
    (picked, told): (Picked, Told),
    equipped: &mut LastEquipped,
) -> Result<Option<(LeasedRun, Changes)>, WriteError> {
    let run_id = picked.run_id;
    let loaded = Loaded::load(transaction, picked.session_id, None).await?;
    let Some(loaded) = loaded else {
        return Ok(None);
    };
    let run = loaded.scene.runs.iter().find(|run| run.id == run_id);
    let Some(run) = run else {
        return Ok(None);
    };
    let Some(command) = told(request, run) else {
        return Ok(None);
    };
    let equipment = equipment(transaction, run, picked, equipped).await?;
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
async fn ended(store: &SqliteStore, request: &LeaseRequest) -> Result<Vec<SessionId>, StoreError> {
    if request.sessions.is_empty() {
        return Ok(Vec::new());
    }
    let kept: HashSet<SessionId> = store.kept_by(request.holder).await?.into_iter().collect();
    let told = request.sessions.iter().copied();
    Ok(told.filter(|id| !kept.contains(id)).collect())
}
