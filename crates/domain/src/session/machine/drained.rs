//! `drained`: the worker that keeps it leases nothing more, so that whoever waits for it would wait
//! in vain. A session whose run is leased ends with that run.

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
