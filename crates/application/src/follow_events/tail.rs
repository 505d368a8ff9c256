//! The newest events of one organization, shared by those who follow it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use windlass_domain::event::Event;

use crate::ports::events::{EventFilter, EventPlace};

/// How many events of an organization are shared at most.
const MAX_KEPT: usize = 256;

/// The newest events of one organization.
pub(super) struct Tail {
    state: Mutex<State>,
    /// The number of the newest event, for those who wait for the next.
    moved: watch::Sender<u64>,
}

struct State {
    /// All events behind this number, up to the head, are kept.
    from: u64,
    head: EventPlace,
    events: VecDeque<Arc<Event>>,
    /// How many of the events were here at the last call of `forget_what_is_old`.
    old: usize,
}

/// What is kept behind a place.
pub(super) enum Kept {
    /// Nothing new.
    Nothing,
    /// These, and the place behind the last that was looked at.
    Events(Vec<Arc<Event>>, EventPlace),
    /// What comes next is not kept any more; the store has all up to here.
    NoMore {
        /// The place behind the newest event that is known.
        head: EventPlace,
    },
}

impl Tail {
    /// Empty, at this place.
    pub(super) fn at(head: EventPlace) -> Self {
        Self {
            state: Mutex::new(State {
                from: head.sequence,
                head,
                events: VecDeque::new(),
                old: 0,
            }),
            moved: watch::Sender::new(head.sequence),
        }
    }

    /// Hears of new events.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.moved.subscribe()
    }

    /// The place behind the newest event.
    pub(super) fn head(&self) -> EventPlace {
        self.lock().head
    }

    /// Adds the events that come next, and tells who waits. Answers the number of the last. What is
    /// known already is left aside: the look may have begun before the tail.
    pub(super) fn append(&self, events: Vec<Event>) -> u64 {
        let mut state = self.lock();
        let known = state.head.sequence;
        for event in events.into_iter().filter(|it| it.sequence > known) {
            state.head = EventPlace::behind(&event);
            state.events.push_back(Arc::new(event));
        }
        let excess = state.events.len().saturating_sub(MAX_KEPT);
        state.forget(excess);
        let head = state.head.sequence;
        drop(state);
        self.moved.send_replace(head);
        head
    }

    /// What comes next behind a place, of what the filter lets through at most so many.
    pub(super) fn after(&self, at: EventPlace, filter: &EventFilter, at_most: u32) -> Kept {
        let state = self.lock();
        if at.sequence >= state.head.sequence {
            return Kept::Nothing;
        }
        if at.sequence < state.from {
            return Kept::NoMore { head: state.head };
        }
        let at_most = usize::try_from(at_most).unwrap_or(usize::MAX);
        let start = state
            .events
            .partition_point(|it| it.sequence <= at.sequence);
        let mut wanted = Vec::new();
        for event in state.events.range(start..) {
            if wanted.len() == at_most {
                break;
            }
            if filter.matches(event) {
                wanted.push(Arc::clone(event));
            }
        }
        let was_all = wanted.len() < at_most;
        let last = wanted.last().map(|event| EventPlace::behind(event));
        let at = last.filter(|_| !was_all).unwrap_or(state.head);
        Kept::Events(wanted, at)
    }

    /// Drops what was here already when this was called before. Answers how many are left.
    pub(super) fn forget_what_is_old(&self) -> usize {
        let mut state = self.lock();
        let old = state.old;
        state.forget(old);
        state.old = state.events.len();
        state.old
    }

    /// Drops all.
    pub(super) fn forget_all(&self) {
        let mut state = self.lock();
        let all = state.events.len();
        state.forget(all);
    }

    /// How many are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.lock().events.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in it panics between two of its changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops the oldest.
    fn forget(&mut self, count: usize) {
        if let Some(last) = self.events.drain(..count).next_back() {
            self.from = last.sequence;
        }
        self.old = self.old.saturating_sub(count);
        if self.events.is_empty() {
            // A burst leaves no room behind.
            self.events.shrink_to_fit();
        }
    }
}
