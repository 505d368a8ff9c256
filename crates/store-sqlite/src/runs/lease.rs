//! `Runs::lease`: queued runs for a worker, now running under a new epoch.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::params;
use tracing::{error, warn};
use windlass_application::OrganizationContext;
use windlass_application::ports::runs::{LeaseRequest, Leased, LeasedRun, is_behind};
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::id::{OrganizationId, SessionId};
use windlass_domain::lifecycle::{Changes, Command};
use windlass_domain::pool::Pool;
use windlass_records::columns::{HeldBy, Id};
use windlass_records::rows::Worker;
use windlass_records::{Room, Told, Turns, lease_again};

use super::leased::{LastEquipped, equipment};
use super::pick::{Picked, Picks};
use super::scene::Loaded;
use crate::connection::Connection;
use crate::store::SqliteStore;
use crate::transaction::Transaction;
use crate::workers;

pub(super) async fn lease(
    store: &SqliteStore,
    request: LeaseRequest,
) -> Result<Leased, WriteError> {
    let request = Arc::new(request);
    let mut leased = Leased {
        ended_sessions: ended(store, &request).await?,
        ..Leased::default()
    };
    // Most polls bring nothing, and those take no lock and write nothing.
    if let Some(worker) = brings_nothing(store, &request).await? {
        leased.brought = worker.brought;
        return Ok(leased);
    }
    let turns = Arc::clone(store.turns());
    let leasing = store.change(None, move |transaction| {
        lease_in(transaction, &request, &turns, leased)
    });
    let (leased, turns) = leasing.await?;
    // A turn is over once its lease is committed.
    for (pool, organization_id) in turns {
        store.turns().took(&pool, organization_id);
    }
    Ok(leased)
}

/// Leases within a transaction, and says whose turns that were.
fn lease_in(
    transaction: &mut Transaction<'_>,
    request: &LeaseRequest,
    taken: &Turns,
    mut leased: Leased,
) -> Result<(Leased, Vec<(Pool, OrganizationId)>), WriteError> {
    let at = transaction.at();
    let worker = workers::latest(transaction, request.holder, request.organization)?;
    workers::seen(transaction, &worker, at)?;
    leased.brought = worker.brought;

    let mut turns = Vec::new();
    if !worker.draining && is_behind(request.heard, worker.brought) {
        again(transaction, request, &mut leased)?;
    } else if !worker.draining {
        let mut room = Room::of(request);
        for pool in &request.pools {
            let picks = picks_of(request, pool, taken.last(pool), &room);
            turns.extend(from_pool(
                transaction,
                request,
                picks,
                &mut room,
                &mut leased,
            )?);
        }
        if !leased.runs.is_empty() {
            workers::bring(transaction, &worker)?;
            leased.brought = leased.brought.wrapping_add(1);
        }
    }
    Ok((leased, turns))
}

/// The worker, where there is nothing to lease and nothing to note.
async fn brings_nothing(
    store: &SqliteStore,
    request: &LeaseRequest,
) -> Result<Option<Worker>, WriteError> {
    let now = store.now();
    let looked = store.look(|connection| {
        let worker = workers::latest(connection, request.holder, request.organization)?;
        if worker.is_to_be_noted(now) {
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
                if somebody_waits(connection, request, pool)? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(worker))
    });
    looked.await
}

/// Whether a run of this pool waits for this worker: one look into an index, whatever is there.
fn somebody_waits(
    connection: &Connection,
    request: &LeaseRequest,
    pool: &Pool,
) -> Result<bool, StoreError> {
    let held_by = HeldBy(Some(request.holder));
    match request.organization {
        Some(organization) => connection.only_value(
            "SELECT EXISTS (
                 SELECT 1 FROM queue WHERE pool = ? AND held_by IN (x'', ?) AND organization_id = ?
             )",
            params![
                pool.as_str(),
                held_by,
                Id(organization.organization_id().uuid())
            ],
        ),
        None => connection.only_value(
            "SELECT EXISTS (SELECT 1 FROM queue WHERE pool = ? AND held_by IN (x'', ?))",
            params![pool.as_str(), held_by],
        ),
    }
}

fn picks_of(
    request: &LeaseRequest,
    pool: &Pool,
    last: Option<OrganizationId>,
    room: &Room,
) -> Picks {
    Picks::new(
        pool.clone(),
        request.holder,
        request
            .organization
            .map(OrganizationContext::organization_id),
        last,
        room.runs(),
    )
}

/// Leases from one pool until the worker has what it asked for, and says whose turn it was last.
fn from_pool(
    transaction: &mut Transaction<'_>,
    request: &LeaseRequest,
    mut picks: Picks,
    room: &mut Room,
    leased: &mut Leased,
) -> Result<Option<(Pool, OrganizationId)>, WriteError> {
    let mut equipped = None;
    while room.runs() > 0 {
        let before = leased.runs.len();
        let Some(picked) = picks.next(transaction)? else {
            break;
        };
        take(
            transaction,
            request,
            (picked, windlass_records::lease),
            &mut equipped,
            leased,
        )?;
        room.give(&leased.runs[before..]);
    }
    Ok(picks.into_turn())
}

/// Brings again what the worker was leased and has not heard of. As many as one call has brought, whatever
/// its capacity is now: it has asked for them.
fn again(
    transaction: &mut Transaction<'_>,
    request: &LeaseRequest,
    leased: &mut Leased,
) -> Result<(), WriteError> {
    let mut equipped = None;
    for picked in Picked::held(transaction, request)? {
        take(
            transaction,
            request,
            (picked, lease_again),
            &mut equipped,
            leased,
        )?;
    }
    Ok(())
}

/// Adds a run to those that are leased, where it may be.
fn take(
    transaction: &mut Transaction<'_>,
    request: &LeaseRequest,
    (picked, told): (Picked, Told),
    equipped: &mut LastEquipped,
    leased: &mut Leased,
) -> Result<(), WriteError> {
    let run_id = picked.run_id;
    match lease_one(transaction, request, (picked, told), equipped) {
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
fn lease_one(
    transaction: &mut Transaction<'_>,
    request: &LeaseRequest,
    (picked, told): (Picked, Told),
    equipped: &mut LastEquipped,
) -> Result<Option<(LeasedRun, Changes)>, WriteError> {
    let run_id = picked.run_id;
    let loaded = Loaded::load(transaction, picked.session_id, None)?;
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
    let equipment = equipment(transaction, run, picked, equipped)?;
    let command = Command::Run { run_id, command };
    match loaded.command(transaction, &command) {
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
