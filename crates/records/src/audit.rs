//! Who changed what, as the audit shows it.

use std::fmt;

use windlass_application::{Actor, Operator, Write};
use windlass_domain::id::{RequestId, RunId, SessionId};
use windlass_domain::run::RunCommand;
use windlass_domain::session::SessionCommand;

/// A change, as the audit shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audited {
    /// Resource and verb: `agent.create`.
    pub action: &'static str,
    /// The id of what was changed.
    pub subject: String,
}

impl Audited {
    /// Such as `agent.create` of this id.
    pub fn new(action: &'static str, subject: &impl fmt::Display) -> Self {
        Self {
            action,
            subject: subject.to_string(),
        }
    }

    /// A command to a run; None for what only workers and clocks say.
    pub fn of_run(run_id: RunId, command: &RunCommand) -> Option<Self> {
        let action = match command {
            RunCommand::Cancel { .. } => "task_run.cancel",
            RunCommand::Answer { .. } => "task_run.answer",
            RunCommand::Decline => "task_run.decline",
            RunCommand::Approve { .. } => "task_run.approve",
            RunCommand::Reject { .. } => "task_run.reject",
            RunCommand::Lease { .. }
            | RunCommand::Worker { .. }
            | RunCommand::TimedOut(_)
            | RunCommand::WorkerGone { .. }
            | RunCommand::SessionEnded { .. }
            | RunCommand::SessionFailed => return None,
        };
        Some(Self::new(action, &run_id))
    }

    /// A command to a session; None for what only workers and clocks say.
    pub fn of_session(session_id: SessionId, command: SessionCommand) -> Option<Self> {
        match command {
            SessionCommand::End { .. } => Some(Self::new("session.end", &session_id)),
            SessionCommand::Evicted { .. }
            | SessionCommand::Drained { .. }
            | SessionCommand::IdleTimedOut
            | SessionCommand::WorkerGone { .. } => None,
        }
    }
}

/// Who changed something, by which request, and from where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The id of the key that a caller showed, or [`OPERATOR`].
    pub actor: String,
    /// The request, or the one act of an operator.
    pub request_id: RequestId,
    /// Where the request came from; the name of an operator's machine.
    pub address: Option<String>,
}

/// The actor of what an operator does.
pub const OPERATOR: &str = "operator";

impl By {
    /// A caller; None where nobody asked for the change: what workers and clocks do is told by
    /// events.
    pub fn caller(write: &Write) -> Option<Self> {
        let actor = match write.actor {
            Actor::Key(key_id) => key_id.to_string(),
            Actor::Worker(_) | Actor::Server => return None,
        };
        Some(Self {
            actor,
            request_id: write.request_id,
            address: write.address.map(|address| address.to_string()),
        })
    }

    /// An operator.
    pub fn operator(operator: &Operator) -> Self {
        Self {
            actor: OPERATOR.to_owned(),
            request_id: operator.request_id,
            address: operator.host.clone(),
        }
    }
}
