//! A session: a place with state that runs are done in, one at a time.
//!
//! [`machine`] is the table of docs/lifecycle.md, "Session transitions".

pub mod machine;

use std::fmt;
use std::time::Duration;

use crate::id::{CredentialId, OrganizationId, SessionId, SourceId};
use crate::pool::Pool;
use crate::run::Holder;
use crate::time::Timestamp;

/// A place with state: cookies, a logged-in page, a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The credential that it is authenticated with.
    pub credential_id: Option<CredentialId>,
    /// The source that it is at.
    pub source_id: Option<SourceId>,
    /// Where the run that opened it waited, and where all that are done in it wait: its worker leases from
    /// there.
    pub pool: Pool,
    /// Its status, with what that status has.
    pub state: SessionState,
    /// Counts the statuses entered; the first is 1.
    pub version: u32,
    /// Time in `running` and `completing`, up to the last status entered.
    pub runtime: Duration,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it entered its status.
    pub updated_at: Timestamp,
}

/// A status with what it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionState {
    /// No worker has it.
    Queued,
    /// A worker does one of its runs.
    Running {
        /// Who.
        holder: Holder,
    },
    /// A worker keeps it for the next run.
    Idle {
        /// Who.
        holder: Holder,
        /// When it ends by itself; None while a run is queued for it.
        ends_at: Option<Timestamp>,
        /// With which secrets of its credential it was logged in; None without one.
        secrets_version: Option<u32>,
    },
    /// It is ending; None where no worker ever had it.
    Completing {
        /// Who has it.
        holder: Option<Holder>,
    },
    /// It has ended.
    Completed,
    /// It was lost.
    Failed,
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SessionStatus {
    /// No worker has it.
    Queued,
    /// A worker does one of its runs.
    Running,
    /// A worker keeps it for the next run.
    Idle,
    /// It is ending.
    Completing,
    /// It has ended.
    Completed,
    /// It was lost.
    Failed,
}

impl SessionStatus {
    /// Every status.
    pub const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Idle,
        Self::Completing,
        Self::Completed,
        Self::Failed,
    ];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Idle => "idle",
            Self::Completing => "completing",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// The status of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl SessionState {
    /// The status that this is.
    pub fn status(&self) -> SessionStatus {
        match self {
            Self::Queued => SessionStatus::Queued,
            Self::Running { .. } => SessionStatus::Running,
            Self::Idle { .. } => SessionStatus::Idle,
            Self::Completing { .. } => SessionStatus::Completing,
            Self::Completed => SessionStatus::Completed,
            Self::Failed => SessionStatus::Failed,
        }
    }

    /// The worker that has it.
    pub fn holder(&self) -> Option<Holder> {
        match self {
            Self::Running { holder } | Self::Idle { holder, .. } => Some(*holder),
            Self::Completing { holder } => *holder,
            Self::Queued | Self::Completed | Self::Failed => None,
        }
    }
}

impl Session {
    /// Where it stands.
    pub fn status(&self) -> SessionStatus {
        self.state.status()
    }

    /// The start of a worker that keeps it from a run before and alone may take its runs; None where any
    /// may.
    pub fn kept_by(&self) -> Option<Holder> {
        match self.state {
            SessionState::Idle { holder, .. } => Some(holder),
            SessionState::Queued
            | SessionState::Running { .. }
            | SessionState::Completing { .. }
            | SessionState::Completed
            | SessionState::Failed => None,
        }
    }

    /// With which secrets of its credential the run before has left it logged in.
    pub fn secrets_version(&self) -> Option<u32> {
        match self.state {
            SessionState::Idle {
                secrets_version, ..
            } => secrets_version,
            SessionState::Queued
            | SessionState::Running { .. }
            | SessionState::Completing { .. }
            | SessionState::Completed
            | SessionState::Failed => None,
        }
    }

    /// Time in `running` and `completing` up to `now`.
    pub fn runtime_at(&self, now: Timestamp) -> Duration {
        match self.status() {
            SessionStatus::Running | SessionStatus::Completing => {
                self.runtime + now.since(self.updated_at)
            }
            SessionStatus::Queued
            | SessionStatus::Idle
            | SessionStatus::Completed
            | SessionStatus::Failed => self.runtime,
        }
    }
}

/// When a store must look at this session again, at the latest: the end of its idle clock.
pub fn check_at(session: &Session) -> Option<Timestamp> {
    match session.state {
        SessionState::Idle { ends_at, .. } => ends_at,
        SessionState::Queued
        | SessionState::Running { .. }
        | SessionState::Completing { .. }
        | SessionState::Completed
        | SessionState::Failed => None,
    }
}

/// What may be asked of a session from outside its runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionCommand {
    /// Its idle clock has run out.
    IdleTimedOut,
    /// The worker that has it gives it up.
    Evicted {
        /// Who says so; must be who has it.
        holder: Holder,
    },
    /// The worker that keeps it leases nothing more.
    Drained {
        /// Who drains; a session that another has by now is left alone.
        holder: Holder,
    },
    /// The worker that has it is gone. Speaks to an idle session: a leased run's loss says it else.
    WorkerGone {
        /// Who is gone; a session that another has by now is left alone.
        holder: Holder,
    },
    /// Its caller ends it.
    End {
        /// How long a leased run's agent has to stop.
        grace: Duration,
    },
}
