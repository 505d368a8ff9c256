//! `lease`: a worker takes a run that waits for one.

use std::time::Duration;

use super::begin::begun;
use super::{ForSession, Transition};
use crate::run::{Holder, Lease, Refusal, Run, RunState, Waiting};
use crate::time::Timestamp;

pub(super) fn apply(
    run: &Run,
    holder: Holder,
    explicit_begin: bool,
    length: Duration,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::Queued {
            waiting: Waiting::ForWorker,
            checkpoint,
            secrets_version,
        } => {
            let at = now.following(run.updated_at);
            let mut next = run.clone();
            next.epoch = run.epoch.next();
            let mut lease = Lease {
                epoch: next.epoch,
                holder,
                expires_at: at + length,
                resumed: false,
                begun: false,
                checkpoint: checkpoint.clone(),
                secrets_version: None,
                inherited_secrets_version: *secrets_version,
            };
            if !explicit_begin {
                // A worker that says nothing is taken to have touched the source. It still gets
                // the checkpoint, which its lease keeps until its first word.
                lease = begun(&mut next, &lease);
                lease.checkpoint.clone_from(checkpoint);
            }
            let state = RunState::Running {
                lease,
                active_at: at,
                answered: None,
            };
            Ok(Transition::to(&next, state, now).for_session(ForSession::Leased { holder }))
        }
        RunState::Queued {
            waiting: Waiting::ForSession,
            ..
        }
        | RunState::Running { .. }
        | RunState::InteractionRequired { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => Err(Refusal::RunNotRunning {
            status: run.status(),
        }),
    }
}
