//! `run_forced`: its run was taken from the worker. An agent may still be acting in it, so nobody
//! else may have it.

use super::{Transition, not_ready};
use crate::run::Refusal;
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

pub(super) fn apply(session: &Session, now: Timestamp) -> Result<Transition, Refusal> {
    match session.state {
        SessionState::Running { .. } | SessionState::Completing { .. } => {
            Ok(Transition::failed(session, now))
        }
        SessionState::Queued
        | SessionState::Idle { .. }
        | SessionState::Completed
        | SessionState::Failed => Err(not_ready(session)),
    }
}
