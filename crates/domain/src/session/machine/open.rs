//! `open`: a run that names no session gets a new one.

use std::time::Duration;

use super::{Entered, QueuedRuns, Transition};
use crate::run::Run;
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

/// The session of `run`, with what the run brings. It was created when its id says, so that lists
/// by id are lists by `created_at`.
pub fn open(run: &Run, now: Timestamp) -> Transition {
    let created_at = run.session_id.created_at();
    let session = Session {
        id: run.session_id,
        organization_id: run.organization_id,
        credential_id: run.credential_id,
        source_id: run.source_id.clone(),
        pool: run.pool.clone(),
        state: SessionState::Queued,
        version: 1,
        runtime: Duration::ZERO,
        created_at,
        updated_at: now.max(created_at),
    };
    let entered = Entered {
        status: session.status(),
        at: session.updated_at,
        version: session.version,
        runtime: session.runtime,
    };
    Transition {
        session,
        entered: vec![entered],
        queued_runs: QueuedRuns::Wait,
    }
}
