//! `start`: a run enters its first status.

use super::{Entered, ForSession, Transition};
use crate::run::{Epoch, Run, RunState, Waiting};
use crate::time::Timestamp;

/// `run` as it waits for the first time. It was created when its id says, so that lists by id are
/// lists by `created_at`.
pub fn start(run: Run, waiting: Waiting, now: Timestamp) -> Transition {
    let created_at = run.id.created_at();
    let at = now.max(created_at);
    let run = Run {
        state: RunState::Queued {
            waiting,
            checkpoint: None,
            secrets_version: None,
        },
        version: 1,
        epoch: Epoch::NONE,
        attempts: 0,
        losses: 0,
        runtime: std::time::Duration::ZERO,
        finished: None,
        created_at,
        updated_at: at,
        ..run
    };
    let entered = Entered {
        status: run.status(),
        at,
        version: run.version,
        runtime: run.runtime,
    };
    Transition {
        run,
        entered: vec![entered],
        output: None,
        session: ForSession::Nothing,
        credential: None,
        login: None,
        stop: None,
    }
}
