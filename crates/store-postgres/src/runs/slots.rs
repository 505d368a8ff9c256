//! Takes and frees slots of credentials, sources and organizations, and lets in who waits for
//! what is freed. Who is let in says `windlass_domain::slot`; here it is counted in `gate`, and waits
//! in `parked`. Source: docs/lifecycle.md, "Slots".
//!
//! Two transactions that both move runs never wait for each other: gates are locked kind by kind,
//! those of a kind in the order of their keys, after every session and credential and before any
//! row of `parked` or `queue`. A run leaves `parked` under the lock of the gate that it waits at
//! alone, so where it stands is known once that is had: others may have let it in until then.

use sqlx::postgres::PgConnection;
use tracing::error;
use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_domain::id::RunId;
use windlass_domain::run::Run;
use windlass_domain::session::Session;
use windlass_domain::slot::{Candidate, Caps, Gate, Next, Passage, Slot};
use windlass_records::columns::{Count, Id};
use windlass_records::rows::WaitingRow;
use windlass_records::{MOST_BROKEN, Move, Moved, Moves, Place, select_runs};

use super::place;
use crate::error::{read, store_error};
use crate::transaction::Transaction;

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
pub(super) async fn pass(
    transaction: &mut Transaction,
    mut passage: Passage,
) -> Result<Moved, StoreError> {
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

/// How many slots of a gate are taken; None where it was never passed.
pub(super) async fn taken(
    connection: &mut PgConnection,
    gate: &Gate,
) -> Result<Option<u32>, StoreError> {
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
pub(super) async fn first_waiting(
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
