//! `idle_timed_out`: nobody wanted it for as long as its runs had asked for.

use super::{Transition, not_ready};
use crate::run::Refusal;
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

pub(super) fn apply(
    session: &Session,
    queued: usize,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match session.state {
        SessionState::Idle {
            holder,
            ends_at: Some(ends_at),
            ..
        } if queued == 0 && ends_at <= now => Ok(Transition::completed(session, Some(holder), now)),
        SessionState::Idle { .. }
        | SessionState::Queued
        | SessionState::Running { .. }
        | SessionState::Completing { .. }
        | SessionState::Completed
        | SessionState::Failed => Err(not_ready(session)),
    }
}
