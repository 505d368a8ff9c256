//! `run_requeued`: its run waits again, and whoever takes it starts from nothing.

use super::{Transition, not_ready};
use crate::run::Refusal;
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

pub(super) fn apply(session: &Session, now: Timestamp) -> Result<Transition, Refusal> {
    match session.state {
        SessionState::Running { .. } => Ok(Transition::to(session, SessionState::Queued, now)),
        SessionState::Queued
        | SessionState::Idle { .. }
        | SessionState::Completing { .. }
        | SessionState::Completed
        | SessionState::Failed => Err(not_ready(session)),
    }
}
