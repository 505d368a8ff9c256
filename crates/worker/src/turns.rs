//! The turns that a worker's runs take in a session: the server gives it the next run as soon as it
//! has heard the end of the one before, which may be before the worker hears so.

use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard, OwnedMutexGuard};

/// What the agent has of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing: it was never in it, or has ended it.
    Nothing,
    /// What its last run has left for the next.
    Kept,
    /// What nobody goes on with: the agent is to end it.
    Rest,
}

/// A session that runs of this worker are in: one has its turn, the others wait in the order in which
/// they came.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Mutex<Left>>);

impl Turns {
    /// Of a session in which no run is yet.
    pub(crate) fn new(left: Left) -> Self {
        Self(Arc::new(Mutex::new(left)))
    }

    /// Waits for a turn, which ends when it is dropped.
    pub(crate) async fn next(&self) -> MutexGuard<'_, Left> {
        self.0.lock().await
    }

    /// The same where nobody has one, nor waits for one.
    pub(crate) fn next_at_once(&self) -> Option<OwnedMutexGuard<Left>> {
        Arc::clone(&self.0).try_lock_owned().ok()
    }

    /// What the last turn has left, where nobody has one.
    pub(crate) fn left(&self) -> Option<Left> {
        self.next_at_once().map(|left| *left)
    }
}
