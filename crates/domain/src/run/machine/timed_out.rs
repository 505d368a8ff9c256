//! A clock has run out. Source: docs/lifecycle.md, "Clocks".

use std::time::Duration;

use super::{ForSession, Transition, clocks, lost};
use crate::pool::Pool;
use crate::run::{Clock, ErrorCode, Refusal, Run, RunError, RunState, Waiting};
use crate::time::Timestamp;

/// A sweep may come late, when the run has moved on: what the clock says counts only where it runs
/// in this status and has run out.
pub(super) fn apply(run: &Run, clock: Clock, now: Timestamp) -> Result<Transition, Refusal> {
    let has_run_out = clocks(run)
        .into_iter()
        .any(|(ends_at, running)| running == clock && ends_at <= now);
    let not_due = Refusal::NotDue {
        status: run.status(),
    };
    if !has_run_out {
        return Err(not_due);
    }
    if clock == Clock::Lease {
        return lost::lease_lost(run, now);
    }
    match &run.state {
        RunState::Queued { waiting, .. } => {
            Ok(Transition::failed(run, queued(run, *waiting), now)
                .for_session(ForSession::NotAwaited))
        }
        RunState::Running { lease, .. } => {
            Ok(Transition::failed(run, running(run, clock), now).forced(lease.holder))
        }
        RunState::InteractionRequired { lease, .. } => {
            let limit = seconds(run.settings.interaction_timeout);
            let error = RunError::new(
                ErrorCode::InteractionTimeout,
                format!("Nobody answered for {limit} s."),
            );
            Ok(Transition::failed(run, error, now).forced(lease.holder))
        }
        RunState::ReviewRequired { .. } => {
            let limit = seconds(run.settings.review_timeout.unwrap_or_default());
            let error = RunError::new(
                ErrorCode::ReviewTimeout,
                format!("Nobody reviewed the output for {limit} s."),
            );
            Ok(Transition::failed(run, error, now))
        }
        RunState::Canceling { lease, .. } => {
            Ok(Transition::to(run, RunState::Canceled, now).forced(lease.holder))
        }
        RunState::Completed | RunState::Failed { .. } | RunState::Canceled => Err(not_due),
    }
}

fn queued(run: &Run, waiting: Waiting) -> RunError {
    let pool = &run.pool;
    let limit = seconds(run.settings.queue_timeout);
    let message = match waiting {
        Waiting::ForWorker if run.settings.concurrency.is_some() => format!(
            "No worker leased the run from the pool `{pool}` for {limit} s, or other runs of its \
             credential or source were live all the time; start a worker for this pool, or raise \
             `settings.concurrency`."
        ),
        Waiting::ForWorker => {
            // A playbook takes the runs of a source elsewhere where the task leaves the pool open.
            let is_open = run.settings.pool.is_none() && run.pool != Pool::builtin();
            let or = match &run.source_id {
                Some(_) if is_open => ", or add a playbook",
                Some(_) | None => "",
            };
            format!(
                "No worker leased the run from the pool `{pool}` for {limit} s; start a worker for \
                 this pool{or}."
            )
        }
        Waiting::ForSession => format!(
            "Another run had the session for {limit} s, and no worker leased this one from the pool \
             `{pool}`."
        ),
    };
    RunError::new(ErrorCode::SessionTimeout, message)
}

fn running(run: &Run, clock: Clock) -> RunError {
    let message = match clock {
        Clock::Run => {
            let limit = seconds(run.settings.timeout.unwrap_or_default());
            format!("The run took longer than its timeout of {limit} s in all.")
        }
        Clock::Queue
        | Clock::Lease
        | Clock::Inactivity
        | Clock::Interaction
        | Clock::Review
        | Clock::CancelGrace => {
            let limit = seconds(run.settings.inactivity_timeout);
            format!("The run had no activity for {limit} s, its inactivity timeout.")
        }
    };
    RunError::new(ErrorCode::TaskTimeout, message)
}

fn seconds(length: Duration) -> u64 {
    length.as_secs()
}
