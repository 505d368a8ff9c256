//! `run_over`: its worker ended the run, or the last run that waited for it is gone.

use std::time::Duration;

use super::{Transition, not_ready};
use crate::run::{AfterRun, Refusal};
use crate::session::{Session, SessionState};
use crate::time::Timestamp;

pub(super) fn apply(
    session: &Session,
    after: AfterRun,
    idle: Duration,
    queued: usize,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match session.state {
        SessionState::Running { holder } => {
            let unwanted = idle.is_zero() && queued == 0;
            if after == AfterRun::End || unwanted {
                return Ok(Transition::completed(session, Some(holder), now));
            }
            let at = now.following(session.updated_at);
            let ends_at = (queued == 0).then(|| at + idle);
            let state = SessionState::Idle {
                holder,
                ends_at,
                // The run's lease says it, which a session does not know.
                secrets_version: None,
            };
            Ok(Transition::to(session, state, now))
        }
        SessionState::Queued if queued == 0 => Ok(Transition::completed(session, None, now)),
        // `end` has spoken to its queued runs already.
        SessionState::Completing { .. } => {
            Ok(Transition::to(session, SessionState::Completed, now))
        }
        SessionState::Queued
        | SessionState::Idle { .. }
        | SessionState::Completed
        | SessionState::Failed => Err(not_ready(session)),
    }
}
