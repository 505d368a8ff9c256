//! Who changed what, as the audit shows it.

use std::fmt;

use windlass_domain::id::{KeyId, RequestId, RunId, SessionId};
use windlass_domain::run::RunCommand;
use windlass_domain::session::SessionCommand;

use crate::columns::Id;

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

/// Who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A caller.
    Caller {
        /// The key that it showed.
        key_id: KeyId,
        /// By which request.
        request_id: RequestId,
    },
    /// An operator at the command line.
    Operator,
}

impl By {
    /// The key and the request, as their columns have them.
    pub fn columns(self) -> (Option<Id>, Option<Id>) {
        match self {
            Self::Caller { key_id, request_id } => {
                (Some(Id(key_id.uuid())), Some(Id(request_id.uuid())))
            }
            Self::Operator => (None, None),
        }
    }
}
