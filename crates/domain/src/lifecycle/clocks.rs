//! Which clocks run, and which has run out first. Source: docs/lifecycle.md, "Clocks".

use super::{Command, Scene};
use crate::run::{Run, RunCommand, machine};
use crate::session::{self, SessionCommand};
use crate::time::Timestamp;

/// The command that the earliest clock that has run out by `now` asks for, if one has. Of two that
/// ran out at once the run's own goes before the session's, and the older run's before the
/// younger's.
pub fn due(scene: &Scene, now: Timestamp) -> Option<Command> {
    let of_runs = scene.runs.iter().flat_map(|run| {
        machine::clocks(run).into_iter().map(|(ends_at, clock)| {
            let command = Command::Run {
                run_id: run.id,
                command: RunCommand::TimedOut(clock),
            };
            (ends_at, command)
        })
    });
    let of_session = scene
        .session
        .as_ref()
        .and_then(session::check_at)
        .map(|ends_at| (ends_at, Command::Session(SessionCommand::IdleTimedOut)));
    of_runs
        .chain(of_session)
        .filter(|(ends_at, _)| *ends_at <= now)
        .min_by_key(|(ends_at, _)| *ends_at)
        .map(|(_, command)| command)
}

/// When a store must look at this run again, at the latest: the earliest of its clocks.
pub fn check_at(run: &Run) -> Option<Timestamp> {
    machine::clocks(run)
        .into_iter()
        .map(|(ends_at, _)| ends_at)
        .min()
}
