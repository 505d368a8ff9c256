//! What must hold of every history. Source: docs/lifecycle.md and docs/testing.md.

mod decision;
mod end;
mod slots;

use std::time::Duration;

use windlass_domain::Timestamp;
use windlass_domain::lifecycle::Command;
use windlass_domain::run::{Run, RunCommand, Status};
use windlass_domain::session::SessionStatus;

pub(crate) use self::decision::decision;
pub(crate) use self::end::end;
pub(crate) use self::slots::slots;
use crate::store::Decided;
use crate::world::seconds;

/// The statuses that a run may enter from each, None being before its start.
fn may_follow(from: Option<Status>, to: Status) -> bool {
    use Status::{
        Canceled, Canceling, Completed, Failed, InteractionRequired, Queued, ReviewRequired,
        Running,
    };
    match from {
        None => to == Queued,
        Some(Queued) => matches!(to, Running | Canceling | Failed),
        Some(Running) => matches!(
            to,
            InteractionRequired | Completed | ReviewRequired | Failed | Queued | Canceling
        ),
        Some(InteractionRequired) => matches!(to, Running | Failed | Queued | Canceling),
        Some(ReviewRequired) => matches!(to, Completed | Failed),
        Some(Canceling) => to == Canceled,
        Some(Completed | Failed | Canceled) => false,
    }
}

/// The same of sessions.
fn session_may_follow(from: Option<SessionStatus>, to: SessionStatus) -> bool {
    use SessionStatus::{Completed, Completing, Failed, Idle, Queued, Running};
    match from {
        None => to == Queued,
        Some(Queued) => matches!(to, Running | Completing),
        Some(Running) => matches!(to, Idle | Completing | Queued | Failed),
        Some(Idle) => matches!(to, Running | Completing | Failed),
        Some(Completing) => matches!(to, Completed | Failed),
        Some(Completed | Failed) => false,
    }
}

/// Every clock is acted on in time, but for what a fault held up.
pub(crate) fn is_swept(
    deadline: Option<Timestamp>,
    disturbed_at: Timestamp,
    now: Timestamp,
    latest: Duration,
) -> Result<(), String> {
    let Some(deadline) = deadline else {
        return Ok(());
    };
    let late = now.since(deadline.max(disturbed_at));
    if late > latest {
        return Err(format!(
            "a clock that ran out at {} was not acted on by {}",
            seconds(deadline),
            seconds(now)
        ));
    }
    Ok(())
}

/// A decision in one line.
pub(crate) fn line(decided: &Decided) -> String {
    let about = |run: &Run| {
        let id = run.id.to_string();
        let id = &id[id.len() - 5..];
        format!(
            "{id} {} epoch {} version {}",
            run.status(),
            run.epoch,
            run.version
        )
    };
    let runs: Vec<String> = decided.changes.runs.iter().map(about).collect();
    let session = decided.changes.session.as_ref();
    let session = session.map_or_else(String::new, |session| {
        format!("; session {}", session.status())
    });
    format!(
        "{} {:32} {}{session}",
        seconds(decided.at),
        name(&decided.command),
        runs.join(", ")
    )
}

fn name(command: &Command) -> String {
    let words = match command {
        Command::Start { .. } => return "start".to_owned(),
        Command::Session(command) => format!("{command:?}"),
        Command::Run { command, .. } => match command {
            RunCommand::Worker { epoch, command } => {
                let word = format!("{command:?}");
                return format!("{} under {epoch}", first_word(&word));
            }
            RunCommand::Lease { .. }
            | RunCommand::Cancel { .. }
            | RunCommand::Answer { .. }
            | RunCommand::Decline
            | RunCommand::Approve { .. }
            | RunCommand::Reject { .. }
            | RunCommand::WorkerGone { .. }
            | RunCommand::SessionEnded { .. }
            | RunCommand::SessionFailed => format!("{command:?}"),
            RunCommand::TimedOut(clock) => return format!("{clock:?} timed out"),
        },
    };
    first_word(&words).to_owned()
}

fn first_word(words: &str) -> &str {
    let end = words.find(|letter: char| !letter.is_alphanumeric());
    &words[..end.unwrap_or(words.len())]
}
