//! Which command a session accepts in which status, and what follows from it: a file per command,
//! each a `match` that names every status. Source: docs/lifecycle.md, "Session transitions".

mod drained;
mod end;
mod evicted;
mod idle_timed_out;
mod lease;
mod open;
mod run_forced;
mod run_over;
mod run_requeued;
mod transition;
mod worker_gone;

use std::time::Duration;

pub use self::open::open;
pub use self::transition::{Entered, QueuedRuns, Transition};
use super::{Session, SessionCommand};
use crate::run::{AfterRun, Holder, Refusal};
use crate::time::Timestamp;

/// What may be asked of a session: by its runs, or from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// A worker took one of its runs.
    Lease {
        /// Who.
        holder: Holder,
    },
    /// Its worker ended the run, or nothing waits for a worker any more.
    RunOver {
        /// Whether the worker keeps it.
        after: AfterRun,
        /// How long it stays without a run.
        idle: Duration,
    },
    /// Its run waits again.
    RunRequeued,
    /// Its run was taken from the worker, whose agent may still be acting in it.
    RunForced,
    /// From outside its runs.
    Outside(SessionCommand),
}

/// What `command` does to `session` at the moment `now`, while `queued` runs wait for it.
///
/// # Errors
/// [`Refusal`] says why nothing changes.
pub fn apply(
    session: &Session,
    command: Command,
    queued: usize,
    now: Timestamp,
) -> Result<Transition, Refusal> {
    match command {
        Command::Lease { holder } => lease::apply(session, holder, now),
        Command::RunOver { after, idle } => run_over::apply(session, after, idle, queued, now),
        Command::RunRequeued => run_requeued::apply(session, now),
        Command::RunForced => run_forced::apply(session, now),
        Command::Outside(SessionCommand::IdleTimedOut) => {
            idle_timed_out::apply(session, queued, now)
        }
        Command::Outside(SessionCommand::Evicted { holder }) => {
            evicted::apply(session, holder, queued, now)
        }
        Command::Outside(SessionCommand::Drained { holder }) => {
            drained::apply(session, holder, now)
        }
        Command::Outside(SessionCommand::WorkerGone { holder }) => {
            worker_gone::apply(session, holder, now)
        }
        Command::Outside(SessionCommand::End { grace }) => end::apply(session, grace, now),
    }
}

/// The refusal of a session that does not take a command in its status.
fn not_ready(session: &Session) -> Refusal {
    Refusal::SessionNotReady {
        status: session.status(),
    }
}
