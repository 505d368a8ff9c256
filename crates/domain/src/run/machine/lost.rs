//! `lease_lost` and `released`: a run without the worker that held it.

use super::{ForSession, MAX_LOSSES, Transition};
use crate::run::{AfterRun, ErrorCode, Lease, Refusal, Run, RunError, RunState, Waiting};
use crate::sealed::Sealed;
use crate::time::Timestamp;

/// The worker died, or lost touch.
pub(super) fn lease_lost(run: &Run, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::Canceling { lease, .. } => {
            Ok(Transition::to(run, RunState::Canceled, now).forced(lease.holder))
        }
        RunState::Running { lease, .. } | RunState::InteractionRequired { lease, .. } => {
            let holder = lease.holder;
            Ok(given_up(run, "was lost", now)?.stop(holder))
        }
        RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => Err(Refusal::NotDue {
            status: run.status(),
        }),
    }
}

/// The worker gives the run back in its own words, so nobody has to tell it to stop.
pub(super) fn released(run: &Run, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        // The worker has stopped, and it is leaving: its session ends with the run.
        RunState::Canceling { .. } => Ok(Transition::to(run, RunState::Canceled, now).for_session(
            ForSession::Over {
                after: AfterRun::End,
            },
        )),
        RunState::Running { .. } | RunState::InteractionRequired { .. } => {
            given_up(run, "gave it back", now)
        }
        RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => Err(Refusal::RunNotRunning {
            status: run.status(),
        }),
    }
}

/// The same for a run that waits for a person, and that another worker asks again. Once the person
/// has answered it is nobody else's any more: the answer is its worker's alone.
///
/// So is one that asks something else by now: its worker takes it for its own, and may be about to go on.
pub(super) fn released_asking(
    run: &Run,
    attempt: Option<u32>,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::InteractionRequired {
            interaction,
            checkpoint: Some(_),
            ..
        } if attempt.is_none_or(|it| it == interaction.attempt) => released(run, now),
        RunState::Canceling { .. } => released(run, now),
        RunState::InteractionRequired { .. }
        | RunState::Running { .. }
        | RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceled => Err(Refusal::RunNotRunning {
            status: run.status(),
        }),
    }
}

/// What becomes of a run whose execution was broken off: it waits again where that repeats
/// nothing, and fails else.
fn given_up(run: &Run, how: &str, now: Timestamp) -> Result<Transition, Refusal> {
    match &run.state {
        RunState::InteractionRequired {
            lease,
            checkpoint: Some(checkpoint),
            ..
        } => {
            // Another worker goes on where this one asked, so the lease was no attempt.
            let mut next = run.clone();
            next.attempts = run.attempts.saturating_sub(1);
            let from = (checkpoint.clone(), lease.logged_in_with());
            Ok(requeued(&next, Some(from), now))
        }
        RunState::Running { lease, .. } if !lease.begun => Ok(lost_unbegun(run, lease, how, now)),
        RunState::Running { .. } | RunState::InteractionRequired { .. } => {
            let attempts_remain = run.attempts < run.settings.max_attempts;
            if attempts_remain && run.opened_session {
                Ok(requeued(run, None, now))
            } else {
                let reason = format!("after the run had begun, in attempt {}", run.attempts);
                Ok(session_lost(run, how, &reason, now))
            }
        }
        RunState::Queued { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => Err(Refusal::NotDue {
            status: run.status(),
        }),
    }
}

/// Nothing was touched, so nothing is repeated; but what is lost again and again is the run's own
/// fault.
fn lost_unbegun(run: &Run, lease: &Lease, how: &str, now: Timestamp) -> Transition {
    let mut next = run.clone();
    next.losses += 1;
    if next.losses >= MAX_LOSSES {
        let reason = format!("before the run had begun, for the {MAX_LOSSES}th time");
        session_lost(&next, how, &reason, now)
    } else if run.opened_session {
        let checkpoint = lease.checkpoint.clone();
        let from = checkpoint.map(|it| (it, lease.inherited_secrets_version));
        requeued(&next, from, now)
    } else {
        let reason = "and with it the session, which another run had opened";
        session_lost(&next, how, reason, now)
    }
}

/// It keeps its session's slot, and goes on from a checkpoint, logged in with these secrets, or from
/// nothing.
fn requeued(run: &Run, from: Option<(Sealed, Option<u32>)>, now: Timestamp) -> Transition {
    let (checkpoint, secrets_version) = from.map_or((None, None), |(it, with)| (Some(it), with));
    let state = RunState::Queued {
        waiting: Waiting::ForWorker,
        checkpoint,
        secrets_version,
    };
    Transition::to(run, state, now).for_session(ForSession::Requeued)
}

fn session_lost(run: &Run, how: &str, reason: &str, now: Timestamp) -> Transition {
    let message = format!("The worker that held the run {how} {reason}.");
    let error = RunError::new(ErrorCode::SessionLost, message);
    Transition::failed(run, error, now).for_session(ForSession::Forced)
}
