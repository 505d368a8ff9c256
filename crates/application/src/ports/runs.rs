//! Runs, with the events, deliveries and records that change with them.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use windlass_domain::Timestamp;
use windlass_domain::credential::Credential;
use windlass_domain::file::StoredFile;
use windlass_domain::id::{
    AgentId, CredentialId, OrganizationId, RunId, SessionId, SourceId, TaskId,
};
use windlass_domain::lifecycle::Signal;
use windlass_domain::pool::Pool;
use windlass_domain::run::{Holder, Metadata, Outcome, Run, RunCommand, Status};
use windlass_domain::screenshot::Screenshot;
use windlass_domain::sealed::Sealed;
use windlass_domain::source::Source;
use windlass_domain::task::Task;

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::{StoreError, WriteError};
use crate::write::{OrganizationContext, Write, Written};

/// A run with what its caller sees beside its state. The input is asked for by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct RunView {
    /// The run.
    pub run: Run,
    /// The caller's own pairs.
    pub metadata: Metadata,
    /// Only in `review_required` and `completed`.
    pub output: Option<Value>,
}

/// A run to be started.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRun {
    /// Its facts; the decision sets state, version and moments. Its `session_id` is that of an
    /// existing session, or, with `opened_session`, of the one that it opens.
    pub run: Run,
    /// When the run's task was made: since then another one may have been, under the same id.
    pub task_created_at: Timestamp,
    /// What the caller gave, sealed as `run.input` of this run.
    pub input: Sealed,
    /// The caller's own pairs.
    pub metadata: Metadata,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq)]
pub struct Commanded {
    /// The run as it is now.
    pub run: RunView,
    /// What to tell outside.
    pub signals: Vec<Signal>,
}

/// What an agent says it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgressLine {
    /// In a sentence.
    pub message: Option<String>,
    /// Which step of its way.
    pub step: Option<u32>,
}

/// What is kept with a word of a worker, in its transaction.
#[derive(Debug, Clone, PartialEq)]
pub enum Attachment {
    /// Lines of the run's timeline, in this order.
    Progress(Vec<ProgressLine>),
    /// A file whose content is stored already.
    File(StoredFile),
    /// A screenshot whose content is stored already.
    Screenshot(Screenshot),
}

/// Who leases, and what.
#[derive(Debug, Clone)]
pub struct LeaseRequest {
    /// One organization's runs; None is the embedded worker, which leases everybody's.
    pub organization: Option<OrganizationContext>,
    /// The start of the worker; must be its latest.
    pub holder: Holder,
    /// From where, in this order of preference.
    pub pools: Vec<Pool>,
    /// How many runs at most.
    pub capacity: u32,
    /// Whether the worker will say when it begins.
    pub explicit_begin: bool,
    /// The sessions that the worker says it keeps.
    pub sessions: Vec<SessionId>,
    /// The runs that the worker says it holds.
    pub held: Vec<RunId>,
    /// What [`Leased::brought`] was in the last answer that the worker has heard, and 0 before its first.
    /// None is a worker that does not say so: what it has not heard of is lost with its lease.
    pub heard: Option<u32>,
    /// How long a new lease lives until its first renewal.
    pub length: Duration,
}

/// What came of a lease call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Leased {
    /// The runs, now running under a new epoch.
    pub runs: Vec<LeasedRun>,
    /// Those of the request's sessions that this start of the worker no longer has.
    pub ended_sessions: Vec<SessionId>,
    /// How many lease calls have brought this start runs, this one among them.
    pub brought: u32,
    /// What to tell outside.
    pub signals: Vec<Signal>,
}

/// A leased run with all that its agent needs; secrets are still sealed.
#[derive(Debug, Clone, PartialEq)]
pub struct LeasedRun {
    /// The run, in `running`.
    pub run: Run,
    /// The task version that the run started with.
    pub task: Task,
    /// Sealed as `run.input` of this run.
    pub input: Sealed,
    /// Where it is done.
    pub source: Option<Source>,
    /// Who is to be logged in; None also where it was deleted.
    pub credential: Option<Credential>,
    /// The playbook version that the run started with.
    pub playbook: Option<Value>,
    /// The trace that its start was a part of, as a W3C trace context.
    pub trace_parent: Option<String>,
}

/// One call leases no further run once those that it has are together so long. A new lease lives 10 s,
/// in which its answer must have arrived.
pub const MAX_LEASED_BYTES: usize = 2 * 1024 * 1024;

/// Whether calls have brought a worker runs that it has not heard of, by what its present call says; one
/// that does not say is never behind.
pub fn is_behind(heard: Option<u32>, brought: u32) -> bool {
    heard.is_some_and(|heard| heard != brought)
}

impl LeasedRun {
    /// About how long it is in an answer: of the short parts nothing counts.
    pub fn bytes(&self) -> usize {
        let checkpoint = self
            .run
            .state
            .lease()
            .and_then(|lease| lease.checkpoint.as_ref());
        let secret = self.credential.as_ref().and_then(|it| it.secret.as_ref());
        let storage = self.task.storage.as_ref();
        let values = [
            self.playbook.as_ref(),
            self.task.input_schema.as_ref(),
            self.task.output_schema.as_ref(),
            storage.and_then(|storage| storage.extraction_schema.as_ref()),
            storage.and_then(|storage| storage.deduplication_schema.as_ref()),
        ];
        let sealed = [Some(&self.input), secret, checkpoint];
        let sealed = sealed.into_iter().flatten().map(|it| it.as_bytes().len());
        sealed.sum::<usize>() + values.into_iter().flatten().map(length).sum::<usize>()
    }

    /// Whether this worker has the session's state from a run before.
    pub fn resumed(&self) -> bool {
        self.run.state.lease().is_some_and(|lease| lease.resumed)
    }
}

/// About how long a value is as JSON.
fn length(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 4,
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(length).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, it)| name.len() + length(it))
            .sum(),
    }
}

/// Which runs to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFilter {
    /// In one of these statuses; empty is any.
    pub statuses: Vec<Status>,
    /// With one of these results; empty is any.
    pub results: Vec<Outcome>,
    /// At one of these sources; empty is any.
    pub source_ids: Vec<SourceId>,
    /// Of this agent.
    pub agent_id: Option<AgentId>,
    /// With this credential.
    pub credential_id: Option<CredentialId>,
    /// Of this task.
    pub task_id: Option<TaskId>,
    /// In this session.
    pub session_id: Option<SessionId>,
    /// Made in this range.
    pub created: Created,
}

/// A line of a run's timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What kind of line.
    pub kind: TimelineKind,
    /// What happened: an event's type, a file's name, a screenshot's reasoning, an agent's own
    /// words.
    pub message: Option<String>,
    /// Which step of the agent's way.
    pub step: Option<u32>,
}

/// Kinds of timeline lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimelineKind {
    /// A status was entered.
    Event,
    /// The agent's word.
    Progress,
    /// A screenshot was taken.
    Screenshot,
    /// A file was captured.
    File,
    /// A person was asked.
    Interaction,
}

/// What a sweep did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Swept {
    /// How many clocks had run out and were acted on.
    pub acted: u32,
    /// Whether more may be due at once.
    pub more: bool,
    /// What to tell outside.
    pub signals: Vec<Signal>,
}

/// Runs, with the events, deliveries and records that change with them.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Runs: Send + Sync {
    /// Keeps a new run, and opens its session where it has none.
    ///
    /// # Errors
    /// `NotFound` where the session does not exist; `ReferenceGone` where its task was deleted
    /// meanwhile, also where another of the same id was made; `Refused` where the session takes no more runs; `Exceeded` where the
    /// organization has as many queued runs, or, if starts do not wait then, live sessions as it
    /// may.
    async fn start(&self, write: Write, start: NewRun) -> Result<Written<Commanded>, WriteError>;

    /// Locks the run's scene, asks `lifecycle::decide`, saves what it says, and the attachment
    /// with it (not where the run is canceling: nothing is saved then).
    ///
    /// # Errors
    /// `NotFound` also where the run is another organization's; `Refused` where the lifecycle
    /// says no.
    async fn command(
        &self,
        write: Write,
        run_id: RunId,
        command: RunCommand,
        attachment: Option<Attachment>,
    ) -> Result<Written<Commanded>, WriteError>;

    /// Up to `capacity` queued runs, now running under a new epoch; by priority, then age,
    /// organizations in turn. Runs of a session that another start of a worker has are left alone. One
    /// that waits is leased however long it is; after [`MAX_LEASED_BYTES`] no further one is.
    ///
    /// Where an earlier call has brought what the worker has not heard of, this one leases nothing, but
    /// brings it again: each run that the worker does not hold, and that has not begun, under the same
    /// epoch, its lease renewed.
    ///
    /// # Errors
    /// `Refused(LeaseLost)` where the holder is not its worker's latest start; a draining worker
    /// gets nothing.
    async fn lease(&self, request: LeaseRequest) -> Result<Leased, WriteError>;

    /// Acts on up to `limit` clocks of runs and sessions that have run out, the earliest first. And
    /// now and then lets in who waits for a slot that is free: limits may have been raised.
    async fn sweep(&self, limit: u32) -> Result<Swept, StoreError>;

    /// The run of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Option<RunView>, StoreError>;

    /// The input of a run, sealed as `run.input`.
    async fn input(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Option<Sealed>, StoreError>;

    /// Those of these runs that are in one of these statuses, whose they ever are: for the server's own
    /// waits.
    async fn of_status(
        &self,
        run_ids: &[RunId],
        statuses: &[Status],
    ) -> Result<Vec<RunId>, StoreError>;

    /// Those of the runs that this start of a worker holds that are in one of these statuses, as far as they
    /// are the organization's; None is for the server's own embedded worker, over all organizations.
    async fn held_by(
        &self,
        organization: Option<OrganizationContext>,
        holder: Holder,
        statuses: &[Status],
    ) -> Result<Vec<RunId>, StoreError>;

    /// Those of these runs that this start of a worker does not hold in one of these statuses, whether they
    /// are there or not. The organization is as with [`held_by`](Self::held_by).
    async fn not_held_by(
        &self,
        organization: Option<OrganizationContext>,
        holder: Holder,
        run_ids: &[RunId],
        statuses: &[Status],
    ) -> Result<Vec<RunId>, StoreError>;

    /// Runs, newest first.
    async fn list(
        &self,
        organization: OrganizationContext,
        filter: RunFilter,
        page: PageRequest,
    ) -> Result<Page<RunView>, StoreError>;

    /// All that happened in a run, oldest first; at most 10,000 lines.
    async fn timeline(
        &self,
        organization: OrganizationContext,
        run_id: RunId,
    ) -> Result<Vec<TimelineEntry>, StoreError>;

    /// Whose a run is; for the embedded worker, which knows the run alone.
    async fn organization_of(&self, run_id: RunId) -> Result<Option<OrganizationId>, StoreError>;
}
