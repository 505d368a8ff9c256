//! `evicted`: the worker that keeps it needs the room.

use super::{Transition, not_ready};
use crate::run::{Holder, Refusal};
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

pub(super) fn apply(
    session: &Session,
    holder: Holder,
    queued: usize,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match session.state {
        SessionState::Idle { holder: keeper, .. } if keeper == holder && queued == 0 => {
            Ok(Transition::completed(session, Some(holder), now))
        }
        SessionState::Idle { .. }
        | SessionState::Queued
        | SessionState::Running { .. }
        | SessionState::Completing { .. }
        | SessionState::Completed
        | SessionState::Failed => Err(not_ready(session)),
    }
}
