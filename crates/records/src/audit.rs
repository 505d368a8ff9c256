//! Who changed what, as the audit shows it.

use std::fmt;

use windlass_application::audit::{AuditEntry, HeadSeal, Link, LinkedEntry, ListedEntry};
use windlass_application::ports::StoreError;
use windlass_application::{Actor, Operator, Write};
use windlass_domain::Timestamp;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::run::RunCommand;
use windlass_domain::sealed::Sealed;
use windlass_domain::session::SessionCommand;

use crate::rows::{AuditRow, UnlinkedRow, read};

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

/// The actor of what an operator does.
pub const OPERATOR: &str = "operator";

impl Audited {
    /// The entry of a change that a caller asked for; None where nobody did: what workers and clocks
    /// do is told by events.
    pub fn by_caller(self, write: &Write, at: Timestamp) -> Option<AuditEntry> {
        let actor = match write.actor {
            Actor::Key(key_id) => key_id.to_string(),
            Actor::Worker | Actor::Server => return None,
        };
        Some(AuditEntry {
            organization_id: write.organization.organization_id(),
            at,
            actor,
            request_id: write.request_id,
            address: write.address.map(|address| address.to_string()),
            action: self.action.to_owned(),
            subject: self.subject,
        })
    }

    /// The entry of what an operator did to an organization.
    pub fn by_operator(
        self,
        operator: &Operator,
        organization_id: OrganizationId,
        at: Timestamp,
    ) -> AuditEntry {
        AuditEntry {
            organization_id,
            at,
            actor: OPERATOR.to_owned(),
            request_id: operator.request_id,
            address: operator.host.clone(),
            action: self.action.to_owned(),
            subject: self.subject,
        }
    }
}

/// Entries that are to be linked, linked: each with its place, and the last link.
pub fn linked(after: Link, entries: Vec<AuditEntry>) -> (Vec<LinkedEntry>, Link) {
    let mut last = after;
    let linked = entries.into_iter().map(|entry| {
        last = last.next(&entry);
        LinkedEntry { link: last, entry }
    });
    (linked.collect(), last)
}

/// Where a chain goes on: after its sealed head.
///
/// # Errors
/// `Corrupt` where the head does not open, or is gone from a chain that `has_links`.
pub fn chain_end(
    organization_id: OrganizationId,
    sealed: Option<Vec<u8>>,
    has_links: bool,
    seal: &HeadSeal,
) -> Result<Link, StoreError> {
    let broken = |rule: &str| StoreError::Corrupt {
        table: "audit_head",
        row: organization_id.to_string(),
        rule: rule.to_owned(),
    };
    match sealed {
        Some(sealed) => seal
            .open(&Sealed::from_bytes(sealed))
            .map_err(|_| broken("it opens")),
        None if has_links => Err(broken("a chain has a head")),
        None => Ok(Link::START),
    }
}

/// The newest entries of both kinds, newest first.
///
/// # Errors
/// A row breaks a rule.
pub fn newest_of(
    unlinked: Vec<UnlinkedRow>,
    linked: Vec<AuditRow>,
    limit: u32,
) -> Result<Vec<ListedEntry>, StoreError> {
    let unlinked = unlinked.into_iter().map(|row| {
        read(row).map(|(_, entry)| ListedEntry {
            position: None,
            entry,
        })
    });
    let linked = linked.into_iter().map(|row| {
        read(row).map(|linked| ListedEntry {
            position: Some(linked.link.position),
            entry: linked.entry,
        })
    });
    unlinked.chain(linked).take(limit as usize).collect()
}

/// A position as columns have it.
pub fn position(link: Link) -> i64 {
    i64::try_from(link.position).unwrap_or(i64::MAX)
}
