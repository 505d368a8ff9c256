//! Where a run stands, and what came of it.

use std::fmt;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Waiting for a session.
    Queued,
    /// An agent executes the task.
    Running,
    /// The source asks the user for something.
    InteractionRequired,
    /// The output waits for a review.
    ReviewRequired,
    /// Finished successfully.
    Completed,
    /// Something went wrong.
    Failed,
    /// Cancel was accepted; the agent is stopping.
    Canceling,
    /// Canceled before it completed.
    Canceled,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::InteractionRequired,
        Self::ReviewRequired,
        Self::Completed,
        Self::Failed,
        Self::Canceling,
        Self::Canceled,
    ];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::InteractionRequired => "interaction_required",
            Self::ReviewRequired => "review_required",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceling => "canceling",
            Self::Canceled => "canceled",
        }
    }

    /// The status of this name; British spellings are accepted.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "cancelling" => Some(Self::Canceling),
            "cancelled" => Some(Self::Canceled),
            name => Self::ALL.into_iter().find(|status| status.as_str() == name),
        }
    }

    /// Whether nothing changes the run any more.
    pub fn is_final(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Canceled => true,
            Self::Queued
            | Self::Running
            | Self::InteractionRequired
            | Self::ReviewRequired
            | Self::Canceling => false,
        }
    }

    /// Whether a worker holds the run.
    pub fn is_leased(self) -> bool {
        match self {
            Self::Running | Self::InteractionRequired | Self::Canceling => true,
            Self::Queued
            | Self::ReviewRequired
            | Self::Completed
            | Self::Failed
            | Self::Canceled => false,
        }
    }

    /// What came of a run in this status; None while it is live.
    pub fn result(self) -> Option<Outcome> {
        match self {
            Self::Completed => Some(Outcome::Success),
            Self::Failed => Some(Outcome::Failure),
            Self::Canceled => Some(Outcome::Unknown),
            Self::Queued
            | Self::Running
            | Self::InteractionRequired
            | Self::ReviewRequired
            | Self::Canceling => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What came of a run that has ended: `result` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It completed.
    Success,
    /// It failed.
    Failure,
    /// It was canceled.
    Unknown,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Unknown];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }

    /// The status whose runs have this outcome.
    pub fn status(self) -> Status {
        match self {
            Self::Success => Status::Completed,
            Self::Failure => Status::Failed,
            Self::Unknown => Status::Canceled,
        }
    }
}
