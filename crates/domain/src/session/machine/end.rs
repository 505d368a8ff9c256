//! `end`: its caller ends it.

use std::time::Duration;

use super::{QueuedRuns, Transition};
use crate::run::Refusal;
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

pub(super) fn apply(
    session: &Session,
    grace: Duration,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    let ended = QueuedRuns::Ended { grace };
    match session.state {
        SessionState::Queued => Ok(Transition::completed(session, None, now).queued_runs(ended)),
        SessionState::Idle { holder, .. } => {
            Ok(Transition::completed(session, Some(holder), now).queued_runs(ended))
        }
        SessionState::Running { holder } => {
            let holder = Some(holder);
            Ok(
                Transition::to(session, SessionState::Completing { holder }, now)
                    .queued_runs(ended),
            )
        }
        SessionState::Completing { .. } | SessionState::Completed | SessionState::Failed => {
            Ok(Transition::unchanged(session))
        }
    }
}
