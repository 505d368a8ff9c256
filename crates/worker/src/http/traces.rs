//! The traces that held runs belong to: what is said of a run is said as a part of its trace.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::protocol::LeaseKey;

/// W3C trace contexts by lease, for those that have one. Not by run: a run may be leased anew before
/// the last word of its lease before was answered.
#[derive(Debug, Default)]
pub(super) struct Traces(Mutex<BTreeMap<LeaseKey, String>>);

impl Traces {
    pub(super) fn begin(&self, lease: LeaseKey, trace_parent: &str) {
        self.lock().insert(lease, trace_parent.to_owned());
    }

    pub(super) fn of(&self, lease: LeaseKey) -> Option<String> {
        self.lock().get(&lease).cloned()
    }

    /// Nothing more is said of this lease.
    pub(super) fn end(&self, lease: LeaseKey) {
        self.lock().remove(&lease);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LeaseKey, String>> {
        // Each change is one insert or remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
