//! The runs of one decision that free slots or need some, and where that leads. Who is let in says
//! `windlass_domain::slot`. Source: docs/lifecycle.md, "Slots".

use std::collections::HashMap;

use windlass_domain::id::RunId;
use windlass_domain::lifecycle::Signal;
use windlass_domain::run::Run;
use windlass_domain::session::Session;
use windlass_domain::slot::{Candidate, Caps, Leaving, Passage, Slot, takes_part};

use crate::Place;

/// How many of those that wait at a gate may be broken until it opens for nobody any more.
pub const MOST_BROKEN: u32 = 100;

/// How many gates one look opens at most, each once, so that thousands who may pass hold up no clock
/// for long.
pub const MOST_OPENINGS: u32 = 10;

/// The runs of one decision that free slots or need some.
#[derive(Debug, Default)]
pub struct Moves {
    leaving: Vec<Leaving>,
    arriving: Vec<Candidate>,
}

/// How a run moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Nowhere: it waited for a worker, and still does.
    Stays,
    /// It needs slots: it comes to its next place when it has them.
    Arrives,
    /// It frees its slots, and goes to its next place.
    Leaves,
    /// It goes to its next place, with what slots it has.
    Goes,
}

impl Moves {
    /// Adds a run that moves to where it stands `after`. Says how.
    pub fn add(
        &mut self,
        before: Option<&Run>,
        after: &Run,
        session: &Session,
        caps: &Caps,
    ) -> Move {
        let waits_on = |run: &Run| Place::of(&run.state) == Place::Queue;
        if before.is_some_and(waits_on) && waits_on(after) {
            return Move::Stays;
        }
        let took_part = before.filter(|before| takes_part(&before.state));
        match (took_part, takes_part(&after.state)) {
            (None, true) => {
                let candidate = Candidate::new(after.clone(), session.kept_by(), caps);
                self.arriving.push(candidate);
                Move::Arrives
            }
            (Some(before), false) => {
                self.leaving.push(Leaving::new(before, caps));
                Move::Leaves
            }
            // Its slots stay its own, whether it is leased or waits again.
            (Some(_), true) | (None, false) => Move::Goes,
        }
    }

    /// All of them, to pass gate by gate; None where there is nothing to free or to take.
    pub fn into_passage(self) -> Option<Passage> {
        if self.leaving.is_empty() && self.arriving.is_empty() {
            return None;
        }
        Some(Passage::new(self.leaving, self.arriving))
    }
}

/// Where the moves have led.
#[derive(Debug, Default)]
pub struct Moved {
    /// Those that came and must wait, and for which slot.
    pub waiting: HashMap<RunId, Slot>,
    /// What to tell outside: runs may be leased.
    signals: Vec<Signal>,
    /// Whether more may pass than one transaction lets in.
    pub more: bool,
}

impl Moved {
    /// A run has all its slots now, and may be leased.
    pub fn let_in(&mut self, run: &Run) {
        let ready = Signal::Ready {
            pool: run.pool.clone(),
        };
        if !self.signals.contains(&ready) {
            self.signals.push(ready);
        }
    }

    /// Adds what is to be told to what a decision tells.
    pub fn tell(self, signals: &mut Vec<Signal>) {
        for signal in self.signals {
            if !signals.contains(&signal) {
                signals.push(signal);
            }
        }
    }
}
