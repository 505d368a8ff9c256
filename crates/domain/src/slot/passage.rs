//! How runs pass gates when one transaction frees slots and brings runs that need some.
//!
//! A store goes through the kinds of slots in their order, and at each through [`Passage::gates`]:
//! it locks a gate, opens it, lets pass who may, and closes it. Who passes one gate comes to a
//! later one in the same transaction, so that gates are always locked in one order.

use std::collections::{BTreeMap, BTreeSet};

use super::gate::needs;
use super::{Candidate, Caps, Gate, Need, Slot};
use crate::id::RunId;
use crate::run::Run;

/// How many of those that wait at a gate one transaction lets in at most: where more may pass, since
/// a limit was raised, the others are let in by the next.
pub const MOST_LET_IN: u32 = 100;

/// A run that needs no slots any more, and frees those that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    run_id: RunId,
    needs: Vec<Need>,
}

impl Leaving {
    /// A run that has taken part until now.
    pub fn new(run: &Run, caps: &Caps) -> Self {
        Self {
            run_id: run.id,
            needs: needs(run, caps),
        }
    }
}

/// The way of some runs through all gates.
#[derive(Debug, Default)]
pub struct Passage {
    leaving: Vec<Leaving>,
    arriving: BTreeMap<Gate, Vec<Candidate>>,
    looked_at: BTreeSet<Gate>,
    passed: Vec<Candidate>,
}

/// A gate while a store has it locked.
#[derive(Debug)]
pub struct Turn {
    gate: Gate,
    taken_before: u32,
    taken: u32,
    /// How many of those that waited have passed.
    let_in: u32,
    /// Those that came now, who goes first last.
    arriving: Vec<Candidate>,
    passed: Vec<Candidate>,
}

/// Who passes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// One of those that arrived now: the store does nothing.
    Arrival,
    /// The first of those that wait here, which the store takes from its place.
    FirstWaiting,
    /// Nobody: the first of them all does not fit, and those behind it wait for it; or as many have
    /// passed as one transaction lets in.
    Nobody,
}

/// A gate after its turn.
#[derive(Debug, PartialEq, Eq)]
pub struct Closed {
    /// Which.
    pub gate: Gate,
    /// How many slots are taken now, where that changed.
    pub taken: Option<u32>,
    /// Those that arrived and must wait here.
    pub waiting: Vec<Candidate>,
    /// Whether as many were let in as one transaction does, so that more may pass.
    pub more: bool,
}

impl Passage {
    /// The way of runs that `leave` for good, wherever they stand, and of others that `arrive` in
    /// front of their first gate.
    pub fn new(leave: Vec<Leaving>, arrive: Vec<Candidate>) -> Self {
        let mut passage = Self {
            leaving: leave,
            ..Self::default()
        };
        for candidate in arrive {
            passage.lead_on(candidate, None);
        }
        passage
    }

    /// Opens a gate by which nobody leaves or arrives, to see who may pass.
    pub fn look_at(gate: Gate) -> Self {
        Self {
            looked_at: BTreeSet::from([gate]),
            ..Self::default()
        }
    }

    /// The gates of this kind that must be opened, in the order in which they are locked.
    pub fn gates(&self, slot: Slot) -> BTreeSet<Gate> {
        let freed = self.leaving.iter().flat_map(|leaving| &leaving.needs);
        freed
            .map(|need| &need.gate)
            .chain(self.arriving.keys())
            .chain(&self.looked_at)
            .filter(|gate| gate.slot == slot)
            .cloned()
            .collect()
    }

    /// The runs that leave and may have a slot of this gate, or wait for one.
    pub fn leaving_by(&self, gate: &Gate) -> Vec<RunId> {
        self.leaving
            .iter()
            .filter(|leaving| leaving.needs.iter().any(|need| need.gate == *gate))
            .map(|leaving| leaving.run_id)
            .collect()
    }

    /// Opens a gate with so many slots `taken`. Those of the leaving that were `waiting` here have
    /// neither this slot nor a later one; the others have this one, and free it.
    pub fn open(&mut self, gate: Gate, taken: u32, waiting: &[RunId]) -> Turn {
        self.leaving
            .retain(|leaving| !waiting.contains(&leaving.run_id));
        let freed = self.leaving_by(&gate).len();
        let freed = u32::try_from(freed).unwrap_or(u32::MAX);
        let mut arriving = self.arriving.remove(&gate).unwrap_or_default();
        arriving.sort_by_key(|candidate| std::cmp::Reverse(candidate.rank()));
        Turn {
            gate,
            taken_before: taken,
            taken: taken.saturating_sub(freed),
            let_in: 0,
            arriving,
            passed: Vec::new(),
        }
    }

    /// Closes a gate; who has passed it comes to its next one.
    pub fn close(&mut self, turn: Turn) -> Closed {
        for candidate in turn.passed {
            self.lead_on(candidate, Some(turn.gate.slot));
        }
        Closed {
            gate: turn.gate,
            taken: (turn.taken != turn.taken_before).then_some(turn.taken),
            waiting: turn.arriving,
            more: turn.let_in >= MOST_LET_IN,
        }
    }

    /// Those that have all their slots: they enter the queue.
    pub fn into_passed(self) -> Vec<Candidate> {
        self.passed
    }

    fn lead_on(&mut self, candidate: Candidate, from: Option<Slot>) {
        match candidate.gate_after(from).cloned() {
            Some(gate) => self.arriving.entry(gate).or_default().push(candidate),
            None => self.passed.push(candidate),
        }
    }
}

impl Turn {
    /// Lets the next run pass, where one may. `first_waiting` is the first of those that wait here,
    /// by priority, then age.
    pub fn next(&mut self, first_waiting: Option<&Candidate>) -> Next {
        let is_behind = |waiting: &Candidate| {
            let arrival = self.arriving.last();
            arrival.is_some_and(|arrival| arrival.rank() < waiting.rank())
        };
        let waiting = first_waiting.filter(|waiting| !is_behind(waiting));
        let Some(first) = waiting.or(self.arriving.last()) else {
            return Next::Nobody;
        };
        let fits = first
            .need_at(&self.gate)
            .is_none_or(|need| self.taken < need.limit);
        if !fits || (waiting.is_some() && self.let_in >= MOST_LET_IN) {
            return Next::Nobody;
        }
        self.taken += 1;
        match waiting {
            Some(waiting) => {
                self.let_in += 1;
                self.passed.push(waiting.clone());
                Next::FirstWaiting
            }
            None => {
                self.passed.extend(self.arriving.pop());
                Next::Arrival
            }
        }
    }
}
