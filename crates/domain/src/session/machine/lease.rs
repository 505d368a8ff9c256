//! `lease`: a worker took one of its runs.

use super::{Transition, not_ready};
use crate::run::{Holder, Refusal};
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

pub(super) fn apply(
    session: &Session,
    holder: Holder,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    let running = SessionState::Running { holder };
    match session.state {
        SessionState::Queued => Ok(Transition::to(session, running, now)),
        // Its state lies with the worker that keeps it, and with no other.
        SessionState::Idle { holder: keeper, .. } if keeper == holder => {
            Ok(Transition::to(session, running, now))
        }
        SessionState::Idle { .. } | SessionState::Running { .. } => Err(not_ready(session)),
        SessionState::Completing { .. } | SessionState::Completed | SessionState::Failed => {
            Err(Refusal::SessionEnded {
                status: session.status(),
            })
        }
    }
}
