//! A run: one execution of a task, from `queued` to a final status.
//!
//! [`machine`] is the table of docs/lifecycle.md, "Run transitions". Each state holds exactly what
//! that status has.

pub mod command;
pub mod error;
pub mod interaction;
pub mod machine;
pub mod refusal;
pub mod status;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

pub use self::command::{
    AfterRun, Clock, CredentialReport, Finish, FinishOutcome, RunCommand, WorkerCommand,
};
pub use self::error::{ErrorCode, ErrorType, RunError};
pub use self::interaction::{Answered, Field, FieldOption, Interaction};
pub use self::refusal::Refusal;
pub use self::status::{Outcome, Status};
use crate::id::{
    AgentId, CredentialId, OrganizationId, RunId, SessionId, SourceId, TaskId, WorkerId,
};
use crate::pool::Pool;
use crate::sealed::Sealed;
use crate::task::TaskSettings;
use crate::time::Timestamp;

/// One execution of a task. Input, output and metadata lie beside it: no decision reads them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The session that it is done in.
    pub session_id: SessionId,
    /// Whether its start opened that session.
    pub opened_session: bool,
    /// Its task.
    pub task_id: TaskId,
    /// The task version that it started with.
    pub task_version: u32,
    /// The agent of its task.
    pub agent_id: AgentId,
    /// Its source, if it has one.
    pub source_id: Option<SourceId>,
    /// Its credential, if it has one.
    pub credential_id: Option<CredentialId>,
    /// The playbook version that it started with, if there was one.
    pub playbook_version: Option<u32>,
    /// Where it waits.
    pub pool: Pool,
    /// The settings of its task version.
    pub settings: TaskSettings,
    /// Its status, with what that status has.
    pub state: RunState,
    /// Counts the statuses entered; the first is 1.
    pub version: u32,
    /// Counts its leases.
    pub epoch: Epoch,
    /// How many of its leases have begun; one that was lost with a checkpoint is not counted.
    pub attempts: u32,
    /// How many of its leases were lost before they had begun.
    pub losses: u32,
    /// Time in `running` and `canceling`, up to the last status entered.
    pub runtime: Duration,
    /// The finish that ended its execution, so that a repeated one gets the same answer.
    pub finished: Option<Finished>,
    /// When it was started.
    pub created_at: Timestamp,
    /// When it entered its status.
    pub updated_at: Timestamp,
}

/// A status with what it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// Waits for a worker.
    Queued {
        /// Whether it may be leased, or what it waits for.
        waiting: Waiting,
        /// Where the agent goes on, if it asked for that.
        checkpoint: Option<Sealed>,
        /// With which secrets of the run's credential it was logged in there.
        secrets_version: Option<u32>,
    },
    /// An agent executes it.
    Running {
        /// Who holds it.
        lease: Lease,
        /// The last activity.
        active_at: Timestamp,
        /// The last interaction of this lease and what came of it.
        answered: Option<Answered>,
    },
    /// A person is asked.
    InteractionRequired {
        /// Who holds it.
        lease: Lease,
        /// What is asked.
        interaction: Interaction,
        /// Where the agent goes on if its worker is lost.
        checkpoint: Option<Sealed>,
    },
    /// Executed; the output waits for a review.
    ReviewRequired {
        /// When the review is over, if it has a limit.
        review_ends_at: Option<Timestamp>,
    },
    /// Finished successfully.
    Completed,
    /// Something went wrong.
    Failed {
        /// What; never empty.
        errors: Vec<RunError>,
    },
    /// Cancel was accepted; the agent is stopping.
    Canceling {
        /// Who holds it.
        lease: Lease,
        /// When it is canceled without its worker's word.
        grace_ends_at: Timestamp,
    },
    /// Canceled before it completed.
    Canceled,
}

/// What a queued run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// A worker: it may be leased.
    ForWorker,
    /// Its session, which another run has.
    ForSession,
}

/// A worker's time-limited hold on a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which lease of the run this is.
    pub epoch: Epoch,
    /// Who holds it.
    pub holder: Holder,
    /// When it is lost, unless it is renewed.
    pub expires_at: Timestamp,
    /// Whether its holder has what a run before left in the session.
    pub resumed: bool,
    /// Whether the source may have been touched.
    pub begun: bool,
    /// Where the agent goes on, until its first word. Goes back to the queue only where the lease
    /// is lost before it has begun.
    pub checkpoint: Option<Sealed>,
    /// With which secrets of the run's credential it has begun; None before, and without one.
    pub secrets_version: Option<u32>,
    /// With which of them that was logged in where it goes on, in the session or at the checkpoint; None
    /// where it starts from nothing.
    pub inherited_secrets_version: Option<u32>,
}

impl Lease {
    /// With which secrets of the credential the run is logged in, as far as anybody knows.
    pub fn logged_in_with(&self) -> Option<u32> {
        self.inherited_secrets_version.or(self.secrets_version)
    }
}

/// One start of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder {
    /// The worker.
    pub worker_id: WorkerId,
    /// Which of its starts; counts up from 1.
    pub incarnation: u32,
}

/// Counts the leases of one run, from 1. A call that carries another than the present one
/// changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(pub u32);

impl Epoch {
    /// Before the first lease.
    pub const NONE: Self = Self(0);

    /// The next lease's.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// The finish that ended a run's execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// The lease that it came under.
    pub epoch: Epoch,
    /// SHA-256 of what it said.
    pub digest: [u8; 32],
}

impl RunState {
    /// The status that this is.
    pub fn status(&self) -> Status {
        match self {
            Self::Queued { .. } => Status::Queued,
            Self::Running { .. } => Status::Running,
            Self::InteractionRequired { .. } => Status::InteractionRequired,
            Self::ReviewRequired { .. } => Status::ReviewRequired,
            Self::Completed => Status::Completed,
            Self::Failed { .. } => Status::Failed,
            Self::Canceling { .. } => Status::Canceling,
            Self::Canceled => Status::Canceled,
        }
    }

    /// The present lease, where a worker holds the run.
    pub fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Running { lease, .. }
            | Self::InteractionRequired { lease, .. }
            | Self::Canceling { lease, .. } => Some(lease),
            Self::Queued { .. }
            | Self::ReviewRequired { .. }
            | Self::Completed
            | Self::Failed { .. }
            | Self::Canceled => None,
        }
    }
}

impl Run {
    /// Where it stands.
    pub fn status(&self) -> Status {
        self.state.status()
    }

    /// Time in `running` and `canceling` up to `now`.
    pub fn runtime_at(&self, now: Timestamp) -> Duration {
        match self.status() {
            Status::Running | Status::Canceling => self.runtime + now.since(self.updated_at),
            Status::Queued
            | Status::InteractionRequired
            | Status::ReviewRequired
            | Status::Completed
            | Status::Failed
            | Status::Canceled => self.runtime,
        }
    }

    /// Whether this start of a worker has a lease of it under which nothing was done. It may have been
    /// canceled meanwhile.
    pub fn is_untouched_by(&self, holder: Holder) -> bool {
        let lease = self.state.lease();
        matches!(self.status(), Status::Running | Status::Canceling)
            && lease.is_some_and(|lease| lease.holder == holder && !lease.begun)
    }

    /// The present lease, if it is that of `epoch`.
    ///
    /// # Errors
    /// [`Refusal::LeaseLost`] where another lease is present; [`Refusal::LeaseOver`] where none is.
    pub fn held_under(&self, epoch: Epoch) -> Result<&Lease, Refusal> {
        match self.state.lease() {
            Some(lease) if lease.epoch == epoch => Ok(lease),
            Some(lease) => Err(Refusal::LeaseLost {
                given: epoch,
                current: lease.epoch,
            }),
            None => Err(Refusal::LeaseOver {
                given: epoch,
                status: self.status(),
            }),
        }
    }
}

/// Up to 50 pairs of the caller's, never used by Windlass.
pub type Metadata = BTreeMap<String, String>;
