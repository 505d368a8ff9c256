//! Events: what happened to a resource, in the order in which it became true.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::agent::Agent;
use crate::credential::Credential;
use crate::delivery::DeliverySummary;
use crate::destination::Destination;
use crate::file::FileSummary;
use crate::id::{AgentId, CredentialId, EventId, RunId, SessionId, SourceId, TaskId};
use crate::run::{Outcome, Status};
use crate::session::SessionStatus;
use crate::source::Source;
use crate::task::{Task, TaskStatus};
use crate::time::Timestamp;

/// Something that happened. Never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id; the same in every delivery.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// Rises within an organization in the order of commits; numbers may be skipped.
    pub sequence: u64,
    /// When it happened; rises strictly from event to event of one resource.
    pub created_at: Timestamp,
    /// The resource in summary, as it was at that moment.
    pub data: EventData,
}

/// A resource in summary. Holds no input, output, answer or secret.
#[derive(Debug, Clone, PartialEq)]
pub enum EventData {
    /// Of `task_run.*`.
    Run(RunSummary),
    /// Of `session.*`.
    Session(SessionSummary),
    /// Of `credential.*`; the sealed parts are never shown.
    Credential(Credential),
    /// Of `agent.*`.
    Agent(Agent),
    /// Of `source.*`.
    Source(Source),
    /// Of `task.*`.
    Task(TaskEventSummary),
    /// Of `storage.created`.
    File(FileSummary),
    /// Of `event_destination.*`.
    Destination(Destination),
    /// Of `event_delivery.parked`.
    Delivery(DeliverySummary),
}

impl EventData {
    /// The run that it tells of: its own status, or a file of it.
    pub fn run_id(&self) -> Option<RunId> {
        match self {
            Self::Run(run) => Some(run.id),
            Self::File(file) => Some(file.run_id),
            Self::Session(_)
            | Self::Credential(_)
            | Self::Agent(_)
            | Self::Source(_)
            | Self::Task(_)
            | Self::Destination(_)
            | Self::Delivery(_) => None,
        }
    }
}

/// A run as its events show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// The run.
    pub id: RunId,
    /// The status that it entered.
    pub status: Status,
    /// None while it is live.
    pub result: Option<Outcome>,
    /// Its task.
    pub task_id: TaskId,
    /// Its credential, if it has one.
    pub credential_id: Option<CredentialId>,
    /// The agent of its task.
    pub agent_id: AgentId,
    /// Its source, if it has one.
    pub source_id: Option<SourceId>,
    /// Its session.
    pub session_id: SessionId,
    /// Time in `running` and `canceling` up to this moment.
    pub runtime: Duration,
    /// Counts the statuses entered.
    pub version: u32,
    /// The caller's own pairs.
    pub metadata: BTreeMap<String, String>,
    /// When the run was started.
    pub created_at: Timestamp,
    /// When it entered this status.
    pub updated_at: Timestamp,
}

/// A session as its events show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionSummary {
    /// The session.
    pub id: SessionId,
    /// The status that it entered.
    pub status: SessionStatus,
    /// Its credential, if it has one.
    pub credential_id: Option<CredentialId>,
    /// Its source, if it has one.
    pub source_id: Option<SourceId>,
    /// Time in `running` and `completing` up to this moment.
    pub runtime: Duration,
    /// Counts the statuses entered.
    pub version: u32,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it entered this status.
    pub updated_at: Timestamp,
}

/// A task as its events show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskEventSummary {
    /// The task.
    pub id: TaskId,
    /// Its name.
    pub name: String,
    /// How far it is learned.
    pub status: TaskStatus,
    /// Its agent.
    pub agent_id: AgentId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl From<&Task> for TaskEventSummary {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id.clone(),
            name: task.name.clone(),
            status: task.status,
            agent_id: task.agent_id.clone(),
            created_at: task.created_at,
            updated_at: task.updated_at,
        }
    }
}

macro_rules! event_types {
    ($($variant:ident = $name:literal, $description:literal;)+) => {
        /// What can happen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum EventType {
            $(#[doc = $description] $variant,)+
        }

        impl EventType {
            /// Every type, in the order in which they are listed to callers.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its name on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it tells, in a sentence.
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $description),+ }
            }

            /// The type of this name.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($name => Some(Self::$variant),)+
                    // The older name of the same.
                    "task_run.pending" => Some(Self::RunReviewRequired),
                    _ => None,
                }
            }
        }
    };
}

event_types! {
    AgentCreated = "agent.created", "An agent was made.";
    AgentUpdated = "agent.updated", "An agent was changed.";
    AgentDeleted = "agent.deleted", "An agent was deleted.";
    SourceCreated = "source.created", "A source was made.";
    SourceUpdated = "source.updated", "A source was changed.";
    SourceDeleted = "source.deleted", "A source was deleted.";
    TaskCreated = "task.created", "A task was made.";
    TaskUpdated = "task.updated", "A task was changed.";
    TaskDeleted = "task.deleted", "A task was deleted.";
    TaskReset = "task.reset", "What a task had learned was dropped.";
    CredentialCreated = "credential.created", "A credential was made; it is not tried yet.";
    CredentialUnverified = "credential.unverified", "A credential has new secrets that are not tried yet.";
    CredentialVerified = "credential.verified", "A login with a credential succeeded.";
    CredentialInvalid = "credential.invalid", "A source refused a credential.";
    CredentialDeleted = "credential.deleted", "A credential was deleted and its secrets erased.";
    SessionQueued = "session.queued", "A session waits for a worker.";
    SessionRunning = "session.running", "A worker does a run in a session.";
    SessionIdle = "session.idle", "A session waits for its next run.";
    SessionCompleting = "session.completing", "A session is ending.";
    SessionCompleted = "session.completed", "A session has ended.";
    SessionFailed = "session.failed", "A session was lost.";
    RunQueued = "task_run.queued", "A run waits for a session.";
    RunRunning = "task_run.running", "An agent executes a run.";
    RunInteractionRequired = "task_run.interaction_required", "A run waits for a person's answer.";
    RunReviewRequired = "task_run.review_required", "A run's output waits for a review.";
    RunCompleted = "task_run.completed", "A run has finished successfully.";
    RunFailed = "task_run.failed", "A run has failed.";
    RunCanceling = "task_run.canceling", "A run's cancel was accepted; its agent is stopping.";
    RunCanceled = "task_run.canceled", "A run was canceled.";
    StorageCreated = "storage.created", "A run has captured a file.";
    DestinationActivated = "event_destination.activated", "Events are sent to a destination again.";
    DestinationDeactivated = "event_destination.deactivated", "Events are no longer sent to a destination.";
    DeliveryParked = "event_delivery.parked", "A delivery has used up its attempts.";
}

impl EventType {
    /// The resource that it is about: the part of its name before the dot.
    pub fn family(self) -> &'static str {
        self.as_str()
            .split_once('.')
            .map_or(self.as_str(), |(family, _)| family)
    }

    /// The types that a name stands for: one, or with `task_run.*` all of a resource.
    pub fn named(text: &str) -> Option<Vec<Self>> {
        let Some(family) = text.strip_suffix(".*") else {
            return Self::parse(text).map(|one| vec![one]);
        };
        let all = Self::ALL.iter().copied();
        let of_family: Vec<Self> = all.filter(|it| it.family() == family).collect();
        (!of_family.is_empty()).then_some(of_family)
    }

    /// The event of a run that enters `status`.
    pub fn of_run(status: Status) -> Self {
        match status {
            Status::Queued => Self::RunQueued,
            Status::Running => Self::RunRunning,
            Status::InteractionRequired => Self::RunInteractionRequired,
            Status::ReviewRequired => Self::RunReviewRequired,
            Status::Completed => Self::RunCompleted,
            Status::Failed => Self::RunFailed,
            Status::Canceling => Self::RunCanceling,
            Status::Canceled => Self::RunCanceled,
        }
    }

    /// The event of a session that enters `status`.
    pub fn of_session(status: SessionStatus) -> Self {
        match status {
            SessionStatus::Queued => Self::SessionQueued,
            SessionStatus::Running => Self::SessionRunning,
            SessionStatus::Idle => Self::SessionIdle,
            SessionStatus::Completing => Self::SessionCompleting,
            SessionStatus::Completed => Self::SessionCompleted,
            SessionStatus::Failed => Self::SessionFailed,
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
