//! Takes and frees slots of credentials, sources and organizations, and lets in who waits for
//! what is freed. Who is let in says `windlass_domain::slot`; here it is counted in `gate`, and waits
//! in `parked`. Source: docs/lifecycle.md, "Slots".

use std::collections::{HashMap, VecDeque};

use rusqlite::params;
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
use crate::connection::Connection;
use crate::error::read;
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
    pub(super) fn add(
        &mut self,
        transaction: &mut Transaction<'_>,
        before: Option<&Run>,
        after: &Run,
        session: &Session,
    ) -> Result<(), StoreError> {
        let caps = transaction.caps();
        let movement = self.moves.add(before, after, session, &caps);
        if movement == Move::Stays {
            return Ok(());
        }
        if let Some(before) = before {
            if movement == Move::Leaves {
                let waited = place::waits_for(transaction, before)?;
                self.waited.extend(waited.map(|slot| (before.id, slot)));
            }
            place::leave(transaction, before)?;
        }
        match movement {
            Move::Stays | Move::Arrives => Ok(()),
            Move::Leaves | Move::Goes => place::enter(transaction, after, session),
        }
    }

    /// Makes all of them, and lets in who waits for what they free.
    pub(super) fn make(self, transaction: &mut Transaction<'_>) -> Result<Moved, StoreError> {
        let Some(passage) = self.moves.into_passage() else {
            return Ok(Moved::default());
        };
        pass(transaction, passage, &self.waited)
    }
}

/// Lets runs pass, one kind of slots after the other.
pub(super) fn pass(
    transaction: &mut Transaction<'_>,
    mut passage: Passage,
    waited: &HashMap<RunId, Slot>,
) -> Result<Moved, StoreError> {
    let mut moved = Moved::default();
    let caps = transaction.caps();
    for slot in Slot::ALL {
        for gate in passage.gates(slot) {
            let leaving = passage.leaving_by(&gate);
            let mut line = Line::at(gate.clone(), caps, leaving.len() + 1);
            let taken = taken(transaction, &gate)?;
            let mut left_here = leaving;
            left_here.retain(|run_id| waited.get(run_id) == Some(&slot));
            let mut turn = passage.open(gate.clone(), taken, &left_here);
            loop {
                let first = line.first(transaction)?;
                match (turn.next(first), first) {
                    (Next::FirstWaiting, Some(first)) => {
                        place::leave(transaction, &first.run)?;
                        line.leave();
                    }
                    (Next::Arrival, _) => {}
                    (Next::FirstWaiting | Next::Nobody, _) => break,
                }
            }
            let closed = passage.close(turn);
            moved.more |= closed.more;
            if let Some(taken) = closed.taken {
                count(transaction, &closed.gate, taken)?;
            }
            for candidate in closed.waiting {
                moved.waiting.insert(candidate.run.id, slot);
                let slot_of = (slot.as_str(), closed.gate.of.clone());
                place::park(transaction, &candidate.run, slot_of, candidate.kept_by)?;
            }
        }
    }
    for Candidate { run, kept_by, .. } in passage.into_passed() {
        place::enter_queue(transaction, &run, kept_by)?;
        moved.let_in(&run);
    }
    Ok(moved)
}

/// Those that wait at a gate, by priority, then age. One that is broken keeps nobody from passing but
/// itself.
pub(super) struct Line {
    gate: Gate,
    caps: Caps,
    /// Those that were read and are still there.
    read: VecDeque<Candidate>,
    /// How many are read at once.
    at_once: usize,
    more: bool,
    broken: u32,
}

impl Line {
    /// Those that wait at a gate, so many at a time.
    pub(super) fn at(gate: Gate, caps: Caps, at_once: usize) -> Self {
        Self {
            gate,
            caps,
            read: VecDeque::new(),
            at_once,
            more: true,
            broken: 0,
        }
    }

    /// The first of them.
    pub(super) fn first(
        &mut self,
        connection: &Connection,
    ) -> Result<Option<&Candidate>, StoreError> {
        while self.read.is_empty() && self.more && self.broken <= MOST_BROKEN {
            self.read_next(connection)?;
        }
        Ok(self.read.front())
    }

    /// The first has left.
    fn leave(&mut self) {
        self.read.pop_front();
    }

    fn read_next(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let waiting: Vec<WaitingRow> = connection.rows(
            WAITING,
            params![
                Id(self.gate.organization_id.uuid()),
                self.gate.slot.as_str(),
                self.gate.of,
                i64::try_from(self.at_once).unwrap_or(i64::MAX),
                self.broken,
            ],
        )?;
        self.more = waiting.len() == self.at_once;
        for row in waiting {
            if let Some((run, kept_by)) = unless_broken(read(row))? {
                let candidate = Candidate::new(run, kept_by, &self.caps);
                self.read.push_back(candidate);
            } else {
                self.broken += 1;
            }
        }
        Ok(())
    }
}

/// How many slots of a gate are taken.
pub(super) fn taken(connection: &Connection, gate: &Gate) -> Result<u32, StoreError> {
    let taken: Option<Count> = connection.value(
        TAKEN,
        params![Id(gate.organization_id.uuid()), gate.slot.as_str(), gate.of],
    )?;
    Ok(taken.map_or(0, |taken| taken.0))
}

/// How many slots of a gate are taken.
const TAKEN: &str = "SELECT taken FROM gate WHERE organization_id = ? AND slot = ? AND slot_of = ?";

/// Some of those that wait at a gate, behind some others.
const WAITING: &str = select_runs!(
    ", parked.held_by AS held_by",
    "JOIN parked ON parked.run_id = run.id
     WHERE run.id IN (
         SELECT run_id
         FROM parked
         WHERE organization_id = ? AND slot = ? AND slot_of = ?
         ORDER BY priority DESC, run_id
         LIMIT ? + 0 OFFSET ? + 0
     )
     ORDER BY parked.priority DESC, run.id"
);

fn unless_broken<Of>(read: Result<Of, StoreError>) -> Result<Option<Of>, StoreError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error @ StoreError::Corrupt { .. }) => {
            error!(%error, "a run that waits for a slot cannot be let in");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn count(connection: &Connection, gate: &Gate, taken: u32) -> Result<(), StoreError> {
    connection.change(
        "INSERT INTO gate (organization_id, slot, slot_of, taken)
         VALUES (?, ?, ?, ?)
         ON CONFLICT (organization_id, slot, slot_of) DO UPDATE SET taken = excluded.taken",
        params![
            Id(gate.organization_id.uuid()),
            gate.slot.as_str(),
            &gate.of,
            taken
        ],
    )?;
    Ok(())
}
