//! What holds in every state: who has the session, who waits for it, and which clocks run.

use windlass_domain::lifecycle::Scene;
use windlass_domain::run::{Run, RunState, Status, Waiting};
use windlass_domain::session::{Session, SessionState};

use super::promise::Promise;

pub(super) fn check(scene: &Scene) -> Result<(), Promise> {
    let Some(session) = &scene.session else {
        return Ok(());
    };
    let leased: Vec<&Run> = with(scene, Status::is_leased);
    let queued: Vec<&Run> = with(scene, |status| status == Status::Queued);
    let ready = queued.iter().filter(|run| may_be_leased(run)).count();

    if leased.len() > 1 {
        return Err(Promise::OneAgentPerSession);
    }
    left_behind(session, leased.len() + queued.len())?;
    slot(session, &leased, queued.len(), ready)?;
    idle_clock(session, queued.len())?;
    for run in leased {
        held(session, run)?;
    }
    let is_repeated = |run: &Run| run.attempts > run.settings.max_attempts || run.losses > 10;
    if scene.runs.iter().any(is_repeated) {
        return Err(Promise::NothingIsRepeatedTooOften);
    }
    Ok(())
}

fn with(scene: &Scene, is_meant: fn(Status) -> bool) -> Vec<&Run> {
    scene
        .runs
        .iter()
        .filter(|run| is_meant(run.status()))
        .collect()
}

pub(super) fn may_be_leased(run: &Run) -> bool {
    matches!(
        run.state,
        RunState::Queued {
            waiting: Waiting::ForWorker,
            ..
        }
    )
}

fn left_behind(session: &Session, live: usize) -> Result<(), Promise> {
    match session.state {
        SessionState::Completed | SessionState::Failed if live > 0 => {
            Err(Promise::NoRunIsLeftBehind)
        }
        SessionState::Completed
        | SessionState::Failed
        | SessionState::Queued
        | SessionState::Running { .. }
        | SessionState::Idle { .. }
        | SessionState::Completing { .. } => Ok(()),
    }
}

fn slot(session: &Session, leased: &[&Run], queued: usize, ready: usize) -> Result<(), Promise> {
    let canceling = leased.iter().all(|run| run.status() == Status::Canceling);
    let is_right = match session.state {
        SessionState::Running { .. } => leased.len() == 1 && ready == 0,
        SessionState::Queued => leased.is_empty() && ready == 1,
        SessionState::Idle { .. } => leased.is_empty() && ready == usize::from(queued > 0),
        SessionState::Completing { .. } => leased.len() == 1 && canceling && queued == 0,
        SessionState::Completed | SessionState::Failed => true,
    };
    if is_right {
        Ok(())
    } else {
        Err(Promise::TheSlotIsFreed)
    }
}

fn idle_clock(session: &Session, queued: usize) -> Result<(), Promise> {
    match session.state {
        SessionState::Idle { ends_at, .. } if ends_at.is_some() != (queued == 0) => {
            Err(Promise::TheIdleClockRuns)
        }
        SessionState::Idle { .. }
        | SessionState::Queued
        | SessionState::Running { .. }
        | SessionState::Completing { .. }
        | SessionState::Completed
        | SessionState::Failed => Ok(()),
    }
}

/// Run and session agree on who has both.
fn held(session: &Session, run: &Run) -> Result<(), Promise> {
    let is_right = run.state.lease().is_some_and(|lease| {
        Some(lease.holder) == session.state.holder() && lease.epoch == run.epoch
    });
    if is_right {
        Ok(())
    } else {
        Err(Promise::EachLeaseHasItsEpoch)
    }
}
