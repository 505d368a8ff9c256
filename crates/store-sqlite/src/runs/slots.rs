//! Takes and frees slots of credentials, sources and organizations, and lets in who waits for
//! what is freed. Who is let in says `windlass_domain::slot`; here it is counted in `gate`, and waits
//! in `parked`. Source: docs/lifecycle.md, "Slots".

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use tracing::error;
use windlass_application::ports::StoreError;
use windlass_domain::id::RunId;
use windlass_domain::run::Run;
use windlass_domain::session::Session;
use windlass_domain::slot::{Candidate, Caps, Gate, Next, Passage, Slot};
use windlass_records::columns::{Count, Id};
use windlass_records::rows::WaitingRow;
use windlass_records::{MOST_BROKEN, Move, Moved, Moves, select_runs};

use super::place;
use crate::error::{read, store_error};
use crate::transaction::Transaction;

/// The runs of one decision that move, and where those that free slots wait until then.
#[derive(Default)]
pub(super) struct Moving {
    moves: Moves,
    /// What the leaving waited for, where one did.
    waited: HashMap<RunId, Slot>,
}

impl Moving {
    /// Moves a run to where it stands `after`. One that needs slots comes to its place by
    /// [`Moving::make`].
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
            let waited = place::leave(connection, before).await?;
            if movement == Move::Leaves {
                self.waited.extend(waited.map(|slot| (before.id, slot)));
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
        pass(transaction, passage, &self.waited).await
    }
}

/// Lets runs pass, one kind of slots after the other.
pub(super) async fn pass(
    transaction: &mut Transaction,
    mut passage: Passage,
    waited: &HashMap<RunId, Slot>,
) -> Result<Moved, StoreError> {
    let caps = transaction.caps();
    let connection = transaction.connection();
    let mut moved = Moved::default();
    for slot in Slot::ALL {
        for gate in passage.gates(slot) {
            let mut left_here = passage.leaving_by(&gate);
            left_here.retain(|run_id| waited.get(run_id) == Some(&slot));
            let taken = taken(connection, &gate).await?;
            let mut turn = passage.open(gate.clone(), taken, &left_here);
            let mut broken = 0;
            loop {
                let first = first_waiting(connection, &gate, &caps, &mut broken).await?;
                match (turn.next(first.as_ref()), first) {
                    (Next::FirstWaiting, Some(first)) => {
                        place::leave_gate(connection, first.run.id).await?;
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

/// How many slots of a gate are taken.
pub(super) async fn taken(
    connection: &mut SqliteConnection,
    gate: &Gate,
) -> Result<u32, StoreError> {
    let taken: Option<Count> = sqlx::query_scalar(
        "SELECT taken FROM gate WHERE organization_id = ? AND slot = ? AND slot_of = ?",
    )
    .bind(Id(gate.organization_id.uuid()))
    .bind(gate.slot.as_str())
    .bind(&gate.of)
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(taken.map_or(0, |taken| taken.0))
}

async fn count(
    connection: &mut SqliteConnection,
    gate: &Gate,
    taken: u32,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO gate (organization_id, slot, slot_of, taken)
         VALUES (?, ?, ?, ?)
         ON CONFLICT (organization_id, slot, slot_of) DO UPDATE SET taken = excluded.taken",
    )
    .bind(Id(gate.organization_id.uuid()))
    .bind(gate.slot.as_str())
    .bind(&gate.of)
    .bind(taken)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// The first of those that wait at a gate, behind so many `broken` ones: by priority, then age. One
/// that is broken, which it counts, keeps nobody from passing but itself.
pub(super) async fn first_waiting(
    connection: &mut SqliteConnection,
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
    connection: &mut SqliteConnection,
    gate: &Gate,
    behind: u32,
) -> Result<Option<WaitingRow>, StoreError> {
    sqlx::query_as(select_runs!(
        ", parked.held_by AS held_by",
        "JOIN parked ON parked.run_id = run.id
         WHERE run.id = (
             SELECT run_id
             FROM parked
             WHERE organization_id = ? AND slot = ? AND slot_of = ?
             ORDER BY priority DESC, run_id
             LIMIT 1 OFFSET ?
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
