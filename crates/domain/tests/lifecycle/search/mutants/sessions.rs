//! Broken rules of sessions, and of who has them.

use std::collections::BTreeMap;

use windlass_domain::Timestamp;
use windlass_domain::id::RunId;
use windlass_domain::lifecycle::{Changes, Command, Scene, SceneWorker, Signal, Subject, decide};
use windlass_domain::run::{
    Clock, ErrorCode, Refusal, RunCommand, RunState, Status, Waiting, WorkerCommand,
};
use windlass_domain::session::{SessionCommand, SessionState};
use windlass_domain::task::Priority;

use super::broken::{Decided, asked, finds, with};
use crate::fixture::{STARTED, failure, finish, worker};
use crate::search::holds::world;
use crate::search::promise::Promise;

fn a_lost_lease_leaves_the_session_taken(
    scene: &Scene,
    command: Command,
    now: Timestamp,
) -> Decided {
    let is_lost = matches!(
        asked(scene, &command),
        Some((_, RunCommand::TimedOut(Clock::Lease)))
    );
    let mut changes = decide(scene, command, now)?;
    if is_lost {
        changes.session = None;
        changes
            .events
            .retain(|event| event.event_type.as_str().starts_with("task_run."));
    }
    Ok(changes)
}

#[test]
fn a_session_that_stays_taken_is_found() {
    finds(
        a_lost_lease_leaves_the_session_taken,
        Promise::TheSlotIsFreed,
    );
}

fn the_idle_clock_is_not_started(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let mut changes = decide(scene, command, now)?;
    if let Some(session) = &mut changes.session
        && let SessionState::Idle { ends_at, .. } = &mut session.state
    {
        *ends_at = None;
    }
    Ok(changes)
}

#[test]
fn an_idle_session_without_a_clock_is_found() {
    finds(the_idle_clock_is_not_started, Promise::TheIdleClockRuns);
}

/// Forgets what a decision did to all runs but the one that was asked, if one was.
fn forget_others(changes: &mut Changes, asked: Option<RunId>) {
    let forgotten: Vec<RunId> = changes
        .runs
        .iter()
        .map(|run| run.id)
        .filter(|run_id| Some(*run_id) != asked)
        .collect();
    changes.runs.retain(|run| !forgotten.contains(&run.id));
    changes.events.retain(|event| {
        !matches!(&event.subject, Subject::Run { run_id, .. } if forgotten.contains(run_id))
    });
}

fn an_ended_session_forgets_its_runs(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let is_end = matches!(command, Command::Session(SessionCommand::End { .. }));
    let mut changes = decide(scene, command, now)?;
    if is_end {
        forget_others(&mut changes, None);
    }
    Ok(changes)
}

#[test]
fn a_run_that_its_ended_session_forgets_is_found() {
    finds(
        an_ended_session_forgets_its_runs,
        Promise::NoRunIsLeftBehind,
    );
}

fn nobody_is_called_when_the_session_is_free(
    scene: &Scene,
    command: Command,
    now: Timestamp,
) -> Decided {
    let asked = asked(scene, &command).map(|(run, _)| run.id);
    let mut changes = decide(scene, command, now)?;
    let is_idle = |session: &SessionState| matches!(session, SessionState::Idle { .. });
    if changes
        .session
        .as_ref()
        .is_some_and(|session| is_idle(&session.state))
        && asked.is_some()
    {
        forget_others(&mut changes, asked);
    }
    Ok(changes)
}

#[test]
fn a_free_session_that_calls_nobody_is_found() {
    finds(
        nobody_is_called_when_the_session_is_free,
        Promise::TheSlotIsFreed,
    );
}

/// Each run as urgent as any: age alone decides.
fn priority_counts_for_nothing(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let priorities: BTreeMap<RunId, Priority> = scene
        .runs
        .iter()
        .map(|run| (run.id, run.settings.priority))
        .collect();
    let mut equal = scene.clone();
    for run in &mut equal.runs {
        run.settings.priority = Priority::DEFAULT;
    }
    let mut changes = decide(&equal, command, now)?;
    for run in &mut changes.runs {
        if let Some(priority) = priorities.get(&run.id) {
            run.settings.priority = *priority;
        }
    }
    Ok(changes)
}

#[test]
fn a_run_that_jumps_the_queue_is_found() {
    finds(priority_counts_for_nothing, Promise::TheSlotGoesInOrder);
}

fn a_second_run_may_be_leased(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    match (asked(scene, &command), &scene.session) {
        (Some((run, RunCommand::Lease { holder, .. })), Some(session))
            if run.status() == Status::Queued
                && matches!(session.state, SessionState::Running { .. }) =>
        {
            let mut free = with(scene, run.id, |run| {
                run.state = RunState::Queued {
                    waiting: Waiting::ForWorker,
                    checkpoint: None,
                    secrets_version: None,
                };
            });
            if let Some(session) = &mut free.session {
                session.state = SessionState::Idle {
                    holder: *holder,
                    ends_at: None,
                    secrets_version: None,
                };
            }
            decide(&free, command, now)
        }
        (Some(_) | None, Some(_) | None) => decide(scene, command, now),
    }
}

#[test]
fn a_second_agent_in_one_session_is_found() {
    finds(a_second_run_may_be_leased, Promise::OneAgentPerSession);
}

fn a_run_that_is_stuck_leaves_its_session_idle(
    scene: &Scene,
    command: Command,
    now: Timestamp,
) -> Decided {
    match asked(scene, &command) {
        Some((run, RunCommand::TimedOut(Clock::Inactivity)))
            if run.status() == Status::Running && now > STARTED =>
        {
            let holder = run.state.lease().map(|lease| lease.holder);
            let words = finish(failure(ErrorCode::TaskTimeout));
            let over = worker(WorkerCommand::Finish(words));
            let run_id = run.id;
            let command = Command::Run {
                run_id,
                command: over,
            };
            let mut changes = decide(scene, command, now)?;
            let stop = holder.map(|holder| Signal::Stop { holder, run_id });
            changes.signals.extend(stop);
            Ok(changes)
        }
        Some(_) | None => decide(scene, command, now),
    }
}

#[test]
fn a_place_that_is_used_while_an_agent_may_act_in_it_is_found() {
    finds(
        a_run_that_is_stuck_leaves_its_session_idle,
        Promise::APlaceTakenByForceIsGivenUp,
    );
}

fn an_idle_session_outlives_its_worker(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    match (&command, &scene.session) {
        (Command::Session(SessionCommand::WorkerGone { .. }), Some(session)) => {
            Err(Refusal::SessionNotReady {
                status: session.status(),
            })
        }
        (Command::Start { .. } | Command::Run { .. } | Command::Session(_), _) => {
            decide(scene, command, now)
        }
    }
}

#[test]
fn a_session_that_a_gone_worker_keeps_is_found() {
    let finding = world(an_idle_session_outlives_its_worker).err();

    assert_eq!(finding, Some(Promise::ARestartFreesWhatWasHeld));
}

fn a_drain_spares_what_is_waited_for(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    match command {
        Command::Session(SessionCommand::Drained { holder }) => {
            let evicted = Command::Session(SessionCommand::Evicted { holder });
            decide(scene, evicted, now)
        }
        Command::Start { .. } | Command::Run { .. } | Command::Session(_) => {
            decide(scene, command, now)
        }
    }
}

#[test]
fn a_drain_that_strands_a_run_is_found() {
    finds(
        a_drain_spares_what_is_waited_for,
        Promise::ADrainKeepsNoSession,
    );
}

fn a_worker_that_drains_is_believed(scene: &Scene, command: Command, now: Timestamp) -> Decided {
    let mut scene = scene.clone();
    scene.worker = Some(SceneWorker::Stays);
    decide(&scene, command, now)
}

#[test]
fn a_session_that_a_draining_worker_keeps_is_found() {
    finds(
        a_worker_that_drains_is_believed,
        Promise::ADrainKeepsNoSession,
    );
}
