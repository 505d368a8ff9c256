//! Takes and frees slots of credentials, sources and organizations, and lets in who waits for
//! what is freed. Who is let in says `windlass_domain::slot`; here it is counted in `gate`, and waits
//! in `parked`. Source: docs/lifecycle.md, "Slots".

use std::collections::{HashMap, VecDeque};

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{FromRow, Row};
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
use crate::pending::Binding;
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
        let movement = self.moves.add(before, after, session, &caps);
        if movement == Move::Stays {
            return Ok(());
        }
        if let Some(before) = before {
            if movement == Move::Leaves {
                let waited = place::waits_for(transaction, before).await?;
                self.waited.extend(waited.map(|slot| (before.id, slot)));
            }
            place::leave(transaction, before);
        }
        match movement {
            Move::Stays | Move::Arrives => Ok(()),
            Move::Leaves | Move::Goes => place::enter(transaction, after, session),
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
    let mut moved = Moved::default();
    // What happens at one gate changes no later one in the store: those that are known are read together.
    let known = Slot::ALL.into_iter().flat_map(|slot| passage.gates(slot));
    let known = known.map(|gate| (passage.leaving_by(&gate).len() + 1, gate));
    let mut lines = Line::open(transaction, known.collect()).await?;
    for slot in Slot::ALL {
        for gate in passage.gates(slot) {
            let mut left_here = passage.leaving_by(&gate);
            left_here.retain(|run_id| waited.get(run_id) == Some(&slot));
            if !lines.contains_key(&gate) {
                lines.extend(Line::open(transaction, vec![(1, gate.clone())]).await?);
            }
            let Some((taken, mut line)) = lines.remove(&gate) else {
                continue;
            };
            let mut turn = passage.open(gate.clone(), taken, &left_here);
            loop {
                let first = line.first(transaction).await?;
                match (turn.next(first), first) {
                    (Next::FirstWaiting, Some(first)) => {
                        place::leave(transaction, &first.run);
                        line.leave();
                    }
                    (Next::Arrival, _) => {}
                    (Next::FirstWaiting | Next::Nobody, _) => break,
                }
            }
            let closed = passage.close(turn);
            moved.more |= closed.more;
            if let Some(taken) = closed.taken {
                count(transaction, &closed.gate, taken);
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
struct Line {
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
    /// How many slots of each gate are taken, and those that wait for one, so many at a time.
    async fn open(
        transaction: &mut Transaction,
        gates: Vec<(usize, Gate)>,
    ) -> Result<HashMap<Gate, (u32, Self)>, StoreError> {
        let caps = transaction.caps();
        let lines = gates.into_iter().map(|(at_once, gate)| Self {
            gate,
            caps,
            read: VecDeque::new(),
            at_once,
            more: true,
            broken: 0,
        });
        let lines: Vec<Self> = lines.collect();
        for line in &lines {
            at(transaction.ask(TAKEN), &line.gate);
            line.ask(transaction);
        }
        let rows = transaction.read(2 * lines.len()).await?;
        let mut opened = HashMap::new();
        for (mut line, rows) in lines.into_iter().zip(rows.chunks_exact(2)) {
            let taken = rows[0].first().map(|row| row.try_get(0)).transpose();
            let taken: Option<Count> = taken.map_err(store_error)?;
            line.take(&rows[1])?;
            opened.insert(line.gate.clone(), (taken.map_or(0, |taken| taken.0), line));
        }
        Ok(opened)
    }

    /// The first of them.
    async fn first(
        &mut self,
        transaction: &mut Transaction,
    ) -> Result<Option<&Candidate>, StoreError> {
        while self.read.is_empty() && self.more && self.broken <= MOST_BROKEN {
            self.ask(transaction);
            let rows = transaction.read(1).await?;
            self.take(rows.first().map_or(&[], Vec::as_slice))?;
        }
        Ok(self.read.front())
    }

    /// The first has left.
    fn leave(&mut self) {
        self.read.pop_front();
    }

    /// Adds the statement that reads the next ones.
    fn ask(&self, transaction: &mut Transaction) {
        at(transaction.ask(WAITING), &self.gate)
            .bind(i64::try_from(self.at_once).unwrap_or(i64::MAX))
            .bind(i64::from(self.broken));
    }

    /// Takes what it brought.
    fn take(&mut self, waiting: &[SqliteRow]) -> Result<(), StoreError> {
        self.more = waiting.len() == self.at_once;
        for row in waiting {
            let row = WaitingRow::from_row(row).map_err(store_error)?;
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

/// Gives a statement its gate.
fn at<'pending>(statement: Binding<'pending>, gate: &Gate) -> Binding<'pending> {
    statement
        .bind(Id(gate.organization_id.uuid()))
        .bind(gate.slot.as_str())
        .bind(gate.of.as_str())
}

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

/// How many slots of a gate are taken, and the first of those that wait for one.
pub(super) async fn look_at(
    connection: &mut SqliteConnection,
    gate: &Gate,
    caps: &Caps,
) -> Result<(u32, Option<Candidate>), StoreError> {
    let taken: Option<Count> = sqlx::query_scalar(TAKEN)
        .bind(Id(gate.organization_id.uuid()))
        .bind(gate.slot.as_str())
        .bind(&gate.of)
        .fetch_optional(&mut *connection)
        .await
        .map_err(store_error)?;
    let taken = taken.map_or(0, |taken| taken.0);
    for broken in 0..=MOST_BROKEN {
        let row: Option<WaitingRow> = sqlx::query_as(WAITING)
            .bind(Id(gate.organization_id.uuid()))
            .bind(gate.slot.as_str())
            .bind(&gate.of)
            .bind(1)
            .bind(broken)
            .fetch_optional(&mut *connection)
            .await
            .map_err(store_error)?;
        let Some(row) = row else {
            break;
        };
        if let Some((run, kept_by)) = unless_broken(read(row))? {
            return Ok((taken, Some(Candidate::new(run, kept_by, caps))));
        }
    }
    Ok((taken, None))
}

fn count(transaction: &mut Transaction, gate: &Gate, taken: u32) {
    transaction
        .then(
            "INSERT INTO gate (organization_id, slot, slot_of, taken)
         VALUES (?, ?, ?, ?)
         ON CONFLICT (organization_id, slot, slot_of) DO UPDATE SET taken = excluded.taken",
        )
        .bind(Id(gate.organization_id.uuid()))
        .bind(gate.slot.as_str())
        .bind(&gate.of)
        .bind(taken);
}
