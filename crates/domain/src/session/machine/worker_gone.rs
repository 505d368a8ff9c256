//! `worker_gone`: the worker that keeps it idle is gone, and its state with it. A session whose run
//! is leased does what that run's loss brings.

use super::{Transition, not_ready};
use crate::run::{Holder, Refusal};
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

pub(super) fn apply(
    session: &Session,
    holder: Holder,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match session.state {
        SessionState::Idle { holder: keeper, .. } if keeper == holder => {
            Ok(Transition::failed(session, now))
        }
        SessionState::Idle { .. }
        | SessionState::Queued
        | SessionState::Running { .. }
        | SessionState::Completing { .. }
        | SessionState::Completed
        | SessionState::Failed => Err(not_ready(session)),
    }
}
