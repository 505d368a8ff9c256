//! What must hold of every decision that a store saves.

use windlass_domain::Timestamp;
use windlass_domain::event::EventType;
use windlass_domain::lifecycle::{Command, SceneWorker, Subject};
use windlass_domain::run::{Epoch, Run, RunCommand, RunState, Status, Waiting, WorkerCommand};
use windlass_domain::session::{Session, SessionStatus};

use super::{may_follow, session_may_follow};
use crate::store::Decided;

/// # Errors
/// The first promise that the decision breaks.
pub(crate) fn decision(decided: &Decided) -> Result<(), String> {
    for run in &decided.changes.runs {
        let before = before(decided, run);
        final_stays(before, run)?;
        path_of_run(decided, before, run)?;
        repeats_only_what_may_be(before, run)?;
        answers_stay(decided, before, run)?;
    }
    path_of_session(decided)?;
    old_epochs_change_nothing(decided)?;
    leaving_workers_keep_nothing(decided)?;
    one_agent_at_a_time(decided)
}

fn before<'a>(decided: &'a Decided, run: &Run) -> Option<&'a Run> {
    let mut runs = decided.before.runs.iter();
    runs.find(|before| before.id == run.id)
}

fn final_stays(before: Option<&Run>, run: &Run) -> Result<(), String> {
    match before.filter(|before| before.status().is_final() && *before != run) {
        Some(before) => Err(format!(
            "{} changed after it was {}",
            run.id,
            before.status()
        )),
        None => Ok(()),
    }
}

/// Each status entered is one event, one version, a later moment, and a step of the table.
fn path_of_run(decided: &Decided, before: Option<&Run>, run: &Run) -> Result<(), String> {
    let entered = decided.changes.events.iter().filter_map(|event| {
        let Subject::Run {
            run_id, version, ..
        } = event.subject
        else {
            return None;
        };
        (run_id == run.id).then_some((event.event_type, version, event.at))
    });
    let mut status = before.map(Run::status);
    let mut version = before.map_or(0, |before| before.version);
    let mut at = before.map_or(Timestamp::EPOCH, |before| before.updated_at);
    for (event_type, event_version, event_at) in entered {
        let entered = Status::ALL
            .into_iter()
            .find(|it| EventType::of_run(*it) == event_type);
        let next = entered.ok_or_else(|| format!("{event_type} is about no run"))?;
        if !may_follow(status, next) {
            return Err(format!("{} went from {status:?} to {next}", run.id));
        }
        if event_version != version + 1 || event_at <= at {
            return Err(format!("{event_type} of {} is out of its order", run.id));
        }
        (status, version, at) = (Some(next), event_version, event_at);
    }
    if status != Some(run.status()) || version != run.version {
        return Err(format!(
            "{} became {} without an event",
            run.id,
            run.status()
        ));
    }
    Ok(())
}

fn path_of_session(decided: &Decided) -> Result<(), String> {
    let Some(session) = &decided.changes.session else {
        return Ok(());
    };
    let entered = decided.changes.events.iter().filter_map(|event| {
        let Subject::Session { version, .. } = event.subject else {
            return None;
        };
        Some((event.event_type, version))
    });
    let before = decided.before.session.as_ref();
    let mut status = before.map(Session::status);
    let mut version = before.map_or(0, |before| before.version);
    for (event_type, event_version) in entered {
        let mut all = SessionStatus::ALL.into_iter();
        let next = all.find(|it| EventType::of_session(*it) == event_type);
        let next = next.ok_or_else(|| format!("{event_type} is about no session"))?;
        if !session_may_follow(status, next) || event_version != version + 1 {
            return Err(format!("{} went from {status:?} to {next}", session.id));
        }
        (status, version) = (Some(next), event_version);
    }
    if status != Some(session.status()) || version != session.version {
        let id = session.id;
        return Err(format!("{id} became {} without an event", session.status()));
    }
    Ok(())
}

/// What may have touched the source goes back to the queue only while attempts remain, or to go on
/// from a checkpoint.
fn repeats_only_what_may_be(before: Option<&Run>, run: &Run) -> Result<(), String> {
    let Some(before) = before else { return Ok(()) };
    let RunState::Queued { checkpoint, .. } = &run.state else {
        return Ok(());
    };
    let has_begun = before.state.lease().is_some_and(|lease| lease.begun);
    let attempts = run.attempts;
    if has_begun && checkpoint.is_none() && attempts >= run.settings.max_attempts {
        return Err(format!("{} is repeated after {attempts} attempts", run.id));
    }
    Ok(())
}

/// What a person answered stays until the worker asks again or is done, or loses the run.
fn answers_stay(decided: &Decided, before: Option<&Run>, run: &Run) -> Result<(), String> {
    let Command::Run { command, .. } = &decided.command else {
        return Ok(());
    };
    if let RunCommand::Answer { answers, .. } = command {
        return match answers_of(run) {
            Some(kept) if kept == answers => Ok(()),
            Some(_) | None => Err(format!("what was answered to {} is not kept", run.id)),
        };
    }
    let is_harmless = match command {
        RunCommand::Worker { command, .. } => match command {
            WorkerCommand::Renew { .. } | WorkerCommand::Begin | WorkerCommand::Touch => true,
            WorkerCommand::Withdraw { .. } => true,
            WorkerCommand::Interact { .. }
            | WorkerCommand::Finish(_)
            | WorkerCommand::Release
            | WorkerCommand::ReleaseAsking { .. } => false,
        },
        RunCommand::Lease { .. }
        | RunCommand::Cancel { .. }
        | RunCommand::Answer { .. }
        | RunCommand::Decline
        | RunCommand::Approve { .. }
        | RunCommand::Reject { .. }
        | RunCommand::TimedOut(_)
        | RunCommand::WorkerGone { .. }
        | RunCommand::SessionEnded { .. }
        | RunCommand::SessionFailed => false,
    };
    if is_harmless && before.and_then(answers_of) != answers_of(run) {
        return Err(format!("the answers to {} were lost", run.id));
    }
    Ok(())
}

fn answers_of(run: &Run) -> Option<&windlass_domain::sealed::Sealed> {
    match &run.state {
        RunState::Running { answered, .. } => answered.as_ref()?.answers.as_ref(),
        RunState::Queued { .. }
        | RunState::InteractionRequired { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => None,
    }
}

/// A worker's word under another lease than the present one changes nothing; a repeated finish is
/// answered again.
fn old_epochs_change_nothing(decided: &Decided) -> Result<(), String> {
    let Command::Run {
        run_id,
        command: RunCommand::Worker { epoch, .. },
    } = &decided.command
    else {
        return Ok(());
    };
    let mut runs = decided.before.runs.iter();
    let before = runs.find(|run| run.id == *run_id);
    let present = before
        .and_then(|run| run.state.lease())
        .map(|lease| lease.epoch);
    let is_old = present != Some(Epoch(epoch.0));
    let changed = decided.changes.runs.iter().any(|run| Some(run) != before);
    if is_old && (changed || !decided.changes.events.is_empty()) {
        return Err(format!(
            "{run_id} was changed under epoch {epoch}; it is at {present:?}"
        ));
    }
    Ok(())
}

/// A session becomes free with a worker only while that leases runs.
fn leaving_workers_keep_nothing(decided: &Decided) -> Result<(), String> {
    let is_idle = |session: &Option<Session>| {
        session.as_ref().map(Session::status) == Some(SessionStatus::Idle)
    };
    let becomes_idle = is_idle(&decided.changes.session) && !is_idle(&decided.before.session);
    if becomes_idle && decided.worker != Some(SceneWorker::Stays) {
        return Err("a session is kept by a worker that leases nothing more".to_owned());
    }
    Ok(())
}

/// One run at a time has a session; where it is free, whoever waits for it has its slot; where it
/// has ended, nobody waits for it.
fn one_agent_at_a_time(decided: &Decided) -> Result<(), String> {
    let session = decided
        .changes
        .session
        .as_ref()
        .or(decided.before.session.as_ref());
    let Some(session) = session else {
        return Ok(());
    };
    let changed = &decided.changes.runs;
    let unchanged = decided.before.runs.iter().filter(|run| {
        let mut changed = changed.iter();
        !changed.any(|other| other.id == run.id)
    });
    let runs: Vec<&Run> = changed.iter().chain(unchanged).collect();
    let leased = runs.iter().filter(|run| run.status().is_leased()).count();
    let queued = runs
        .iter()
        .filter(|run| run.status() == Status::Queued)
        .count();
    let first = runs.iter().filter(|run| {
        matches!(
            run.state,
            RunState::Queued {
                waiting: Waiting::ForWorker,
                ..
            }
        )
    });
    let first = first.count();
    let is_right = match session.status() {
        SessionStatus::Queued | SessionStatus::Idle => {
            leased == 0 && first == usize::from(queued > 0)
        }
        SessionStatus::Running => leased == 1 && first == 0,
        SessionStatus::Completing => leased == 1 && queued == 0,
        SessionStatus::Completed | SessionStatus::Failed => leased == 0 && queued == 0,
    };
    if is_right {
        return Ok(());
    }
    Err(format!(
        "{} is {} with {leased} leased runs, {queued} queued ones, {first} that may be leased",
        session.id,
        session.status()
    ))
}
