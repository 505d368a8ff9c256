//! The traces that held runs belong to: what is said of a run is said as a part of its trace.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use windlass_domain::id::RunId;

/// W3C trace contexts by run, for those that have one.
#[derive(Debug, Default)]
pub(super) struct Traces(Mutex<HashMap<RunId, String>>);

impl Traces {
    pub(super) fn begin(&self, run_id: RunId, trace_parent: &str) {
        self.lock().insert(run_id, trace_parent.to_owned());
    }

    pub(super) fn of(&self, run_id: RunId) -> Option<String> {
        self.lock().get(&run_id).cloned()
    }

    /// Nothing more is said of these runs.
    pub(super) fn end(&self, run_id: RunId) {
        self.lock().remove(&run_id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, String>> {
        // Each change is one insert or remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
