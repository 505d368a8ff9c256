//! A run's status with what it has, as its row keeps it.

use serde::{Deserialize, Serialize};
use windlass_domain::Timestamp;
use windlass_domain::run::{Answered, Epoch, Holder, Lease, RunError, RunState, Waiting};

use crate::Impossible;
use crate::holder::HolderRecord;
use crate::interaction::{AnsweredRecord, InteractionRecord};
use crate::run_error::RunErrorRecord;
use crate::sealed::SealedText;

/// A run's status with what it has. What is secret in it is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunStateRecord(State);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
enum State {
    Queued {
        waiting: WaitingRecord,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checkpoint: Option<SealedText>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secrets_version: Option<u32>,
    },
    Running {
        lease: LeaseRecord,
        active_at: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered: Option<AnsweredRecord>,
    },
    InteractionRequired {
        lease: LeaseRecord,
        interaction: InteractionRecord,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        checkpoint: Option<SealedText>,
    },
    ReviewRequired {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        review_ends_at: Option<i64>,
    },
    Completed,
    Failed {
        errors: Vec<RunErrorRecord>,
    },
    Canceling {
        lease: LeaseRecord,
        grace_ends_at: i64,
    },
    Canceled,
}

/// What a queued run waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WaitingRecord {
    ForWorker,
    ForSession,
}

/// A worker's hold on a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LeaseRecord {
    epoch: u32,
    holder: HolderRecord,
    expires_at: i64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    resumed: bool,
    begun: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checkpoint: Option<SealedText>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secrets_version: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inherited_secrets_version: Option<u32>,
}

impl From<&RunState> for RunStateRecord {
    fn from(state: &RunState) -> Self {
        Self(match state {
            RunState::Queued {
                waiting,
                checkpoint,
                secrets_version,
            } => State::Queued {
                waiting: (*waiting).into(),
                checkpoint: SealedText::of(checkpoint.as_ref()),
                secrets_version: *secrets_version,
            },
            RunState::Running {
                lease,
                active_at,
                answered,
            } => State::Running {
                lease: lease.into(),
                active_at: active_at.millis(),
                answered: answered.as_ref().map(AnsweredRecord::from),
            },
            RunState::InteractionRequired {
                lease,
                interaction,
                checkpoint,
            } => State::InteractionRequired {
                lease: lease.into(),
                interaction: interaction.into(),
                checkpoint: SealedText::of(checkpoint.as_ref()),
            },
            RunState::ReviewRequired { review_ends_at } => State::ReviewRequired {
                review_ends_at: review_ends_at.map(Timestamp::millis),
            },
            RunState::Completed => State::Completed,
            RunState::Failed { errors } => State::Failed {
                errors: errors.iter().map(RunErrorRecord::from).collect(),
            },
            RunState::Canceling {
                lease,
                grace_ends_at,
            } => State::Canceling {
                lease: lease.into(),
                grace_ends_at: grace_ends_at.millis(),
            },
            RunState::Canceled => State::Canceled,
        })
    }
}

impl From<Waiting> for WaitingRecord {
    fn from(waiting: Waiting) -> Self {
        match waiting {
            Waiting::ForWorker => Self::ForWorker,
            Waiting::ForSession => Self::ForSession,
        }
    }
}

impl From<WaitingRecord> for Waiting {
    fn from(record: WaitingRecord) -> Self {
        match record {
            WaitingRecord::ForWorker => Self::ForWorker,
            WaitingRecord::ForSession => Self::ForSession,
        }
    }
}

impl From<&Lease> for LeaseRecord {
    fn from(lease: &Lease) -> Self {
        Self {
            epoch: lease.epoch.0,
            holder: lease.holder.into(),
            expires_at: lease.expires_at.millis(),
            resumed: lease.resumed,
            begun: lease.begun,
            checkpoint: SealedText::of(lease.checkpoint.as_ref()),
            secrets_version: lease.secrets_version,
            inherited_secrets_version: lease.inherited_secrets_version,
        }
    }
}

impl TryFrom<LeaseRecord> for Lease {
    type Error = Impossible;

    fn try_from(record: LeaseRecord) -> Result<Self, Impossible> {
        Ok(Self {
            epoch: Epoch(record.epoch),
            holder: Holder::try_from(record.holder)?,
            expires_at: Timestamp::from_millis(record.expires_at),
            resumed: record.resumed,
            begun: record.begun,
            checkpoint: record.checkpoint.map(|checkpoint| checkpoint.0),
            secrets_version: record.secrets_version,
            inherited_secrets_version: record.inherited_secrets_version,
        })
    }
}

impl TryFrom<RunStateRecord> for RunState {
    type Error = Impossible;

    fn try_from(record: RunStateRecord) -> Result<Self, Impossible> {
        Ok(match record.0 {
            State::Queued {
                waiting,
                checkpoint,
                secrets_version,
            } => Self::Queued {
                waiting: waiting.into(),
                checkpoint: checkpoint.map(|checkpoint| checkpoint.0),
                secrets_version,
            },
            State::Running {
                lease,
                active_at,
                answered,
            } => Self::Running {
                lease: lease.try_into()?,
                active_at: Timestamp::from_millis(active_at),
                answered: answered.map(Answered::try_from).transpose()?,
            },
            State::InteractionRequired {
                lease,
                interaction,
                checkpoint,
            } => Self::InteractionRequired {
                lease: lease.try_into()?,
                interaction: interaction.try_into()?,
                checkpoint: checkpoint.map(|checkpoint| checkpoint.0),
            },
            State::ReviewRequired { review_ends_at } => Self::ReviewRequired {
                review_ends_at: review_ends_at.map(Timestamp::from_millis),
            },
            State::Completed => Self::Completed,
            State::Failed { errors } => Self::Failed {
                errors: failed(errors)?,
            },
            State::Canceling {
                lease,
                grace_ends_at,
            } => Self::Canceling {
                lease: lease.try_into()?,
                grace_ends_at: Timestamp::from_millis(grace_ends_at),
            },
            State::Canceled => Self::Canceled,
        })
    }
}

fn failed(errors: Vec<RunErrorRecord>) -> Result<Vec<RunError>, Impossible> {
    if errors.is_empty() {
        return Err(Impossible::new("a failed run has errors; it has none"));
    }
    errors.into_iter().map(RunError::try_from).collect()
}

#[cfg(test)]
mod tests;
