//! Takes and frees slots of credentials, sources and organizations, and lets in who waits for them.
//! Who is let in says `windlass_domain::slot`; here it is counted in `gate`, and waits in `parked`.
//! Source: docs/lifecycle.md, "Slots".
//!
//! Two transactions that both move runs never wait for each other: gates are locked kind by kind,
//! those of a kind in the order of their keys, after every session and credential and before any
//! row of `parked` or `queue`. A run leaves `parked` under the lock of the gate that it waits at
//! alone, so where it stands is known once that is had: others may have let it in until then.

use sqlx::postgres::PgConnection;
use tracing::{error, warn};
use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_domain::id::RunId;
use windlass_domain::lifecycle::Signal;
use windlass_domain::run::Run;
use windlass_domain::session::Session;
use windlass_domain::slot::{Candidate, Caps, Gate, Next, Passage, Slot};
use windlass_records::columns::{Count, Id};
use windlass_records::rows::{GateRow, WaitingRow};
use windlass_records::{
    MOST_BROKEN, MOST_OPENINGS, Move, Moved, Moves, PARKED_FOR_SESSION, Place, select_runs,
};

use super::place;
use crate::error::{read, store_error};
use crate::retry::retrying;
use crate::store::PostgresStore;
use crate::transaction::Transaction;

/// Sorts after every id as text.
const ABOVE_ALL_IDS: &str = "~";

/// The runs of one decision that move, and where those that free slots wait until then.
#[derive(Default)]
pub(super) struct Moving {
    moves: Moves,
    /// Those of the leaving that no worker held: they are in `queue`, or wait at a gate.
    queued: Vec<Uuid>,
}

impl Moving {
    /// Moves a run to where it stands `after`. One that needs slots, and one that waited for a
    /// worker until now, is moved by [`Moving::make`].
    pub(super) async fn add(
        &mut self,
        transaction: &mut Transaction,
        before: Option<&Run>,
        after: &Run,
        session: &Session,
    ) -> Result<(), StoreError> {
        let caps = transaction.caps();
        let connection = transaction.connection();
        let movement = self.moves.add(before, after, session, &caps);
        if movement == Move::Stays {
            return Ok(());
        }
        if let Some(before) = before {
            let waits_on = Place::of(&before.state) == Place::Queue;
            if movement == Move::Leaves && waits_on {
                self.queued.push(before.id.uuid());
            } else {
                place::leave(connection, before).await?;
            }
        }
        match movement {
            Move::Stays | Move::Arrives => Ok(()),
            Move::Leaves | Move::Goes => place::enter(connection, after, session).await,
        }
    }

    /// Makes all of them, and lets in who waits for what they free.
    pub(super) async fn make(self, transaction: &mut Transaction) -> Result<Moved, StoreError> {
        let Some(passage) = self.moves.into_passage() else {
            return Ok(Moved::default());
        };
        let moved = pass(transaction, passage).await?;
        if !self.queued.is_empty() {
            sqlx::query("DELETE FROM queue WHERE run_id = ANY($1)")
                .bind(&self.queued)
                .execute(transaction.connection())
                .await
                .map_err(store_error)?;
        }
        Ok(moved)
    }
}

/// Lets runs pass, one kind of slots after the other.
async fn pass(transaction: &mut Transaction, mut passage: Passage) -> Result<Moved, StoreError> {
    let caps = transaction.caps();
    let connection = transaction.connection();
    let mut moved = Moved::default();
    for slot in Slot::ALL {
        for gate in passage.gates(slot) {
            let taken = lock(connection, &gate).await?;
            let left_here = leave_gate(connection, &gate, &passage.leaving_by(&gate)).await?;
            let mut turn = passage.open(gate.clone(), taken, &left_here);
            let mut broken = 0;
            loop {
                let first = first_waiting(connection, &gate, &caps, &mut broken).await?;
                match (turn.next(first.as_ref()), first) {
                    (Next::FirstWaiting, Some(first)) => {
                        leave_gate(connection, &gate, &[first.run.id]).await?;
                    }
                    (Next::Arrival, _) => {}
                    (Next::FirstWaiting | Next::Nobody, _) => break,
                }
            }
            let closed = passage.close(turn);
            moved.more |= closed.more;
            if let Some(taken) = closed.taken {
                count(connection, &closed.gate, taken).await?;
            }
            for candidate in closed.waiting {
                moved.waiting.insert(candidate.run.id, slot);
                let slot_of = (slot.as_str(), closed.gate.of.clone());
                place::park(connection, &candidate.run, slot_of, candidate.kept_by).await?;
            }
        }
    }
    for Candidate { run, kept_by, .. } in passage.into_passed() {
        place::enter_queue(connection, &run, kept_by).await?;
        moved.let_in(&run);
    }
    Ok(moved)
}

/// Now and then lets in who waits for slots that are free all the same, each gate in transactions of
/// its own. A chore: what fails is logged, and tried again with the next look.
pub(super) async fn let_in(store: &PostgresStore) -> Vec<Signal> {
    if !store.last_let_in().is_due(store.now()) {
        return Vec::new();
    }
    let gates = match gates_to_open(store).await {
        Ok(gates) => gates,
        Err(error) => {
            warn!(%error, "who waits for free slots cannot be looked for");
            return Vec::new();
        }
    };
    let mut signals = Vec::new();
    for gate in gates {
        let mut more = true;
        for _ in 0..MOST_OPENINGS {
            if !more {
                break;
            }
            more = match retrying(|| open(store, gate.clone())).await {
                Ok(moved) => {
                    let more = moved.more;
                    moved.tell(&mut signals);
                    more
                }
                Err(error) => {
                    let of = &gate.of;
                    warn!(organization.id = %gate.organization_id, %error, "who waits for slots of {of} cannot be let in");
                    false
                }
            };
        }
    }
    signals
}

async fn open(store: &PostgresStore, gate: Gate) -> Result<Moved, StoreError> {
    let mut transaction = store.begin(None).await?;
    if !is_free(transaction.connection(), &gate).await? {
        return Ok(Moved::default());
    }
    let moved = pass(&mut transaction, Passage::look_at(gate)).await?;
    transaction.commit().await?;
    Ok(moved)
}

/// Locks a gate, unless somebody else has it, such as another sweeper: whoever that is lets in who
/// may pass.
async fn is_free(connection: &mut PgConnection, gate: &Gate) -> Result<bool, StoreError> {
    let taken: Option<Count> = sqlx::query_scalar(
        "SELECT taken
         FROM gate
         WHERE organization_id = $1 AND slot = $2 AND slot_of = $3
         FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(Id(gate.organization_id.uuid()))
    .bind(gate.slot.as_str())
    .bind(&gate.of)
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(taken.is_some())
}

/// The gates that somebody waits at who may pass; over all organizations. Steps over those that wait
/// from gate to gate, and over all that wait for their sessions at once: neither the gates that
/// nobody waits at, which are many, nor how many wait at one costs anything.
async fn gates_to_open(store: &PostgresStore) -> Result<Vec<Gate>, StoreError> {
    let mut connection = store.pool().acquire().await.map_err(store_error)?;
    let rows: Vec<GateRow> = sqlx::query_as(
        "WITH RECURSIVE waiting (organization_id, slot, slot_of) AS (
             (
                 SELECT organization_id, slot, slot_of
                 FROM parked
                 ORDER BY organization_id, slot, slot_of, priority DESC, run_id
                 LIMIT 1
             )
             UNION ALL
             SELECT next.organization_id, next.slot, next.slot_of
             FROM waiting
             CROSS JOIN LATERAL (
                 SELECT parked.organization_id, parked.slot, parked.slot_of
                 FROM parked
                 WHERE (parked.organization_id, parked.slot, parked.slot_of) > (
                     waiting.organization_id,
                     waiting.slot,
                     CASE waiting.slot WHEN $1 THEN $2 ELSE waiting.slot_of END
                 )
                 ORDER BY parked.organization_id, parked.slot, parked.slot_of,
                          parked.priority DESC, parked.run_id
                 LIMIT 1
             ) AS next
         )
         SELECT organization_id, slot, slot_of FROM waiting WHERE slot <> $1",
    )
    .bind(PARKED_FOR_SESSION)
    .bind(ABOVE_ALL_IDS)
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    let mut gates = Vec::new();
    for row in rows {
        let gate: Gate = match read(row) {
            Ok(gate) => gate,
            Err(error) => {
                error!(%error, "a gate cannot be looked at");
                continue;
            }
        };
        let taken = taken(&mut connection, &gate).await?.unwrap_or(0);
        let first = first_waiting(&mut connection, &gate, &store.caps(), &mut 0).await?;
        let mut turn = Passage::look_at(gate.clone()).open(gate.clone(), taken, &[]);
        if turn.next(first.as_ref()) == Next::FirstWaiting {
            gates.push(gate);
        }
    }
    Ok(gates)
}

/// Locks a gate, which is made where there is none yet; how many of its slots are taken.
async fn lock(connection: &mut PgConnection, gate: &Gate) -> Result<u32, StoreError> {
    if let Some(taken) = locked(connection, gate).await? {
        return Ok(taken);
    }
    sqlx::query(
        "INSERT INTO gate (organization_id, slot, slot_of, taken)
         VALUES ($1, $2, $3, 0)
         ON CONFLICT (organization_id, slot, slot_of) DO NOTHING",
    )
    .bind(Id(gate.organization_id.uuid()))
    .bind(gate.slot.as_str())
    .bind(&gate.of)
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    Ok(locked(connection, gate).await?.unwrap_or(0))
}

async fn locked(connection: &mut PgConnection, gate: &Gate) -> Result<Option<u32>, StoreError> {
    let taken: Option<Count> = sqlx::query_scalar(
        "SELECT taken
         FROM gate
         WHERE organization_id = $1 AND slot = $2 AND slot_of = $3
         FOR NO KEY UPDATE",
    )
    .bind(Id(gate.organization_id.uuid()))
    .bind(gate.slot.as_str())
    .bind(&gate.of)
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(taken.map(|taken| taken.0))
}

async fn taken(connection: &mut PgConnection, gate: &Gate) -> Result<Option<u32>, StoreError> {
    let taken: Option<Count> = sqlx::query_scalar(
        "SELECT taken FROM gate WHERE organization_id = $1 AND slot = $2 AND slot_of = $3",
    )
    .bind(Id(gate.organization_id.uuid()))
    .bind(gate.slot.as_str())
    .bind(&gate.of)
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(taken.map(|taken| taken.0))
}

async fn count(connection: &mut PgConnection, gate: &Gate, taken: u32) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE gate SET taken = $1 WHERE organization_id = $2 AND slot = $3 AND slot_of = $4",
    )
    .bind(Count(taken))
    .bind(Id(gate.organization_id.uuid()))
    .bind(gate.slot.as_str())
    .bind(&gate.of)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Takes those of these runs away that wait at a gate which is locked.
async fn leave_gate(
    connection: &mut PgConnection,
    gate: &Gate,
    run_ids: &[RunId],
) -> Result<Vec<RunId>, StoreError> {
    if run_ids.is_empty() {
        return Ok(Vec::new());
    }
    let run_ids: Vec<Uuid> = run_ids.iter().map(|id| id.uuid()).collect();
    let left: Vec<Id> = sqlx::query_scalar(
        "DELETE FROM parked WHERE run_id = ANY($1) AND slot = $2 RETURNING run_id",
    )
    .bind(run_ids)
    .bind(gate.slot.as_str())
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    Ok(left.into_iter().map(|id| RunId::from_uuid(id.0)).collect())
}

/// The first of those that wait at a gate, behind so many `broken` ones: by priority, then age. One
/// that is broken, which it counts, keeps nobody from passing but itself.
async fn first_waiting(
    connection: &mut PgConnection,
    gate: &Gate,
    caps: &Caps,
    broken: &mut u32,
) -> Result<Option<Candidate>, StoreError> {
    while *broken <= MOST_BROKEN {
        let Some(row) = waiting_behind(connection, gate, *broken).await? else {
            return Ok(None);
        };
        match read(row) {
            Ok((run, kept_by)) => return Ok(Some(Candidate::new(run, kept_by, caps))),
            Err(error @ StoreError::Corrupt { .. }) => {
                error!(%error, "a run that waits for a slot cannot be let in");
                *broken += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

async fn waiting_behind(
    connection: &mut PgConnection,
    gate: &Gate,
    behind: u32,
) -> Result<Option<WaitingRow>, StoreError> {
    sqlx::query_as(select_runs!(
        ", parked.held_by AS held_by",
        "JOIN parked ON parked.run_id = run.id
         WHERE run.id = (
             SELECT run_id
             FROM parked
             WHERE organization_id = $1 AND slot = $2 AND slot_of = $3
             ORDER BY priority DESC, run_id
             LIMIT 1 OFFSET $4
         )"
    ))
    .bind(Id(gate.organization_id.uuid()))
    .bind(gate.slot.as_str())
    .bind(&gate.of)
    .bind(i64::from(behind))
    .fetch_optional(connection)
    .await
    .map_err(store_error)
}
