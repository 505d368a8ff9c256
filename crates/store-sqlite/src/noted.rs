//! Which starts of workers have been noted to be alive, so that not each of their calls reads it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_domain::Timestamp;
use windlass_domain::run::Holder;
use windlass_records::rows::is_to_be_noted;

/// How many are remembered; beyond it all are read again.
const MOST: usize = 1024;

/// Since when each stands in its row.
#[derive(Debug, Default)]
pub(crate) struct Noted(Mutex<HashMap<Holder, Timestamp>>);

impl Noted {
    /// Whether a call at this moment needs no note.
    pub(crate) fn is_fresh(&self, holder: Holder, at: Timestamp) -> bool {
        let noted = self.lock().get(&holder).copied();
        noted.is_some_and(|noted| !is_to_be_noted(noted, at))
    }

    /// It stands in its row since then.
    pub(crate) fn set(&self, holder: Holder, since: Option<Timestamp>) {
        let Some(since) = since else {
            return;
        };
        let mut noted = self.lock();
        if noted.len() >= MOST {
            noted.clear();
        }
        noted.insert(holder, since);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Holder, Timestamp>> {
        // A change that a panic cut short costs a note at most.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
