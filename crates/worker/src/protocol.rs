//! What a worker and the server say to each other. The server's embedded worker speaks it in
//! process, others over HTTP. Source: docs/workers.md.

use std::io;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};
use secrecy::{SecretSlice, SecretString};
use serde_json::{Map, Value};
use tokio::io::AsyncRead;
use tokio_util::io::ReaderStream;
use windlass_domain::Timestamp;
use windlass_domain::file::Extraction;
use windlass_domain::id::{RunId, SessionId, StorageId};
use windlass_domain::pool::Pool;
use windlass_domain::run::command::{AfterRun, CredentialReport};
use windlass_domain::run::{Epoch, Field, RunError, Status};

use crate::lease::{LeasedRun, Login, OpenedCredential};

/// The longest checkpoint, in bytes. Source: docs/workers.md, "What an agent does".
pub const MAX_CHECKPOINT_BYTES: usize = 1024 * 1024;

/// The longest login, in bytes. Source: docs/workers.md, "What an agent does".
pub const MAX_LOGIN_BYTES: usize = 256 * 1024;

/// The longest screenshot, in bytes. Source: docs/workers.md, "What an agent does".
pub const MAX_SCREENSHOT_BYTES: usize = 2 * 1024 * 1024;

/// The calls of a worker. Each may be repeated with the same content and has the same effect.
#[async_trait]
pub trait Protocol: Send + Sync {
    /// A start of the worker: what the one before it held is lost at once. `start` names it, so that
    /// it is known where this call is made again; without a name each call is another start.
    async fn register(
        &self,
        worker: &str,
        start: Option<&str>,
    ) -> Result<Registration, ProtocolError>;

    /// Waits up to `request.wait` for runs to do, or until one of `request.held` should stop.
    ///
    /// One that is dropped while it waits loses nothing: a run that was leased meanwhile comes with the
    /// next call, or, where none is made, is lost with its lease. With a capacity of 0 none is leased.
    ///
    /// # Errors
    /// [`ProtocolError::LeaseLost`] where a newer start of the worker has taken its place.
    async fn lease(&self, request: LeaseRequest) -> Result<Leases, ProtocolError>;

    /// The worker is alive.
    async fn renew(&self, lease: LeaseKey) -> Result<Renewal, ProtocolError>;

    /// From here on the source may have been touched; answers the opened credential.
    async fn begin(&self, lease: LeaseKey) -> Result<Begun, ProtocolError>;

    /// Activities, shown in the run's timeline in this order.
    async fn progress(
        &self,
        lease: LeaseKey,
        progress: Vec<Progress>,
    ) -> Result<Heard, ProtocolError>;

    /// Keeps a file that the agent captured.
    async fn store_file(&self, lease: LeaseKey, file: CapturedFile) -> Result<Kept, ProtocolError>;

    /// Keeps what the agent saw.
    async fn store_screenshot(
        &self,
        lease: LeaseKey,
        screenshot: CapturedScreenshot,
    ) -> Result<Heard, ProtocolError>;

    /// Asks the person that the run works for.
    async fn interact(&self, lease: LeaseKey, question: Question) -> Result<Heard, ProtocolError>;

    /// The source went on by itself, and the question of this number need not be answered: a call that
    /// comes late takes no later one back.
    async fn withdraw(&self, lease: LeaseKey, attempt: u32) -> Result<Heard, ProtocolError>;

    /// Waits up to `wait` for the answers to the last question.
    async fn answer(&self, lease: LeaseKey, wait: Duration) -> Result<Answer, ProtocolError>;

    /// Execution is over; answers the run's status.
    async fn finish(&self, lease: LeaseKey, finish: FinishReport) -> Result<Status, ProtocolError>;

    /// Gives the run back, once its agent has stopped: it waits again where that repeats nothing,
    /// and fails else. Answers the run's status.
    async fn release(&self, lease: LeaseKey) -> Result<Status, ProtocolError>;

    /// The same for a run that waits for the answer to this attempt, before its agent has stopped: another
    /// worker goes on from the checkpoint and asks again.
    ///
    /// # Errors
    /// [`ProtocolError::Refused`] where the run does not wait for that, as when the answer has come
    /// meanwhile, or where it left no checkpoint: it is still this worker's.
    async fn release_asking(&self, lease: LeaseKey, attempt: u32) -> Result<Status, ProtocolError>;

    /// Gives an idle session up: it ends at the server. One that has ended there already is given
    /// up all the same.
    ///
    /// # Errors
    /// [`ProtocolError::Refused`] while a run is queued for it; [`ProtocolError::LeaseLost`] where
    /// a newer start of the worker has taken its place.
    async fn evict(
        &self,
        worker: &str,
        incarnation: u32,
        session_id: SessionId,
    ) -> Result<(), ProtocolError>;

    /// No new leases for this start of the worker; its idle sessions end.
    ///
    /// # Errors
    /// [`ProtocolError::LeaseLost`] where a newer start of the worker has taken its place.
    async fn drain(&self, worker: &str, incarnation: u32) -> Result<(), ProtocolError>;

    /// Nothing more is said of this lease, whether the server has heard its end or not: what is known
    /// of it here can go. No call.
    fn forget(&self, lease: LeaseKey) {
        let _ = lease;
    }
}

/// Which lease a call speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeaseKey {
    /// The run.
    pub run_id: RunId,
    /// The number of the lease.
    pub epoch: Epoch,
}

/// A start of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Which start this is.
    pub incarnation: u32,
    /// How many leases of the start before it are lost.
    pub lost_leases: u32,
    /// How long a lease lives from each of its renewals.
    pub lease_length: Duration,
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct LeaseRequest {
    /// Its name.
    pub worker: String,
    /// Which start of it.
    pub incarnation: u32,
    /// From where.
    pub pools: Vec<Pool>,
    /// How many runs at most.
    pub capacity: u32,
    /// The sessions that it keeps.
    pub sessions: Vec<SessionId>,
    /// The runs that it holds and was not told to stop.
    pub held: Vec<RunId>,
    /// What [`Leases::brought`] was in the last answer that came, and 0 before the first. What was leased
    /// since and is not held comes again then.
    pub heard: u32,
    /// How long to wait for the first.
    pub wait: Duration,
}

/// What a worker gets.
#[derive(Clone, Default)]
pub struct Leases {
    /// Runs to do; empty where nothing came in time.
    pub runs: Vec<LeasedRun>,
    /// Those of the request's sessions that have ended.
    pub ended_sessions: Vec<SessionId>,
    /// Those of the request's runs that should stop: what the next renewal of each says.
    pub stopping: Vec<RunId>,
    /// How many calls have brought this start of the worker runs.
    pub brought: u32,
}

/// A renewed lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// When it is lost now.
    pub lease_expires_at: Timestamp,
    /// Whether the agent should stop.
    pub cancel: bool,
}

/// A run that has begun.
#[derive(Clone)]
pub struct Begun {
    /// The credential with its secrets; None where the run has none, or it was deleted.
    pub credential: Option<OpenedCredential>,
    /// Whether the agent should stop.
    pub cancel: bool,
}

/// What the server says to an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Whether the agent should stop.
    pub cancel: bool,
}

/// What an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// In a sentence; holds no secret.
    pub message: Option<String>,
    /// Which step of its way.
    pub step: Option<u32>,
}

/// A file that an agent captured.
pub struct CapturedFile {
    /// Its name without any path.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// What the agent notes of it, shown with it; holds no secret. At most
    /// [`MAX_METADATA_BYTES`](windlass_domain::file::MAX_METADATA_BYTES) of JSON.
    pub metadata: Option<Map<String, Value>>,
    /// What the agent took out of it, where the run's task asks for that. At most
    /// [`MAX_EXTRACTION_BYTES`](windlass_domain::file::MAX_EXTRACTION_BYTES) of JSON.
    pub extraction: Extraction,
    /// Its content. [`CapturedFile::new`] makes it of bytes, [`CapturedFile::reading`] of what is read.
    pub content: BoxStream<'static, io::Result<Bytes>>,
}

impl CapturedFile {
    /// A file whose content is these bytes, of which nothing else is told.
    pub fn new(
        file_name: impl Into<String>,
        file_type: impl Into<String>,
        content: impl Into<Bytes>,
    ) -> Self {
        let content = stream::iter([Ok(content.into())]).boxed();
        Self::streamed(file_name, file_type, content)
    }

    /// The same whose content is read from there, such as a `tokio::fs::File`.
    pub fn reading(
        file_name: impl Into<String>,
        file_type: impl Into<String>,
        content: impl AsyncRead + Send + 'static,
    ) -> Self {
        Self::streamed(file_name, file_type, ReaderStream::new(content).boxed())
    }

    fn streamed(
        file_name: impl Into<String>,
        file_type: impl Into<String>,
        content: BoxStream<'static, io::Result<Bytes>>,
    ) -> Self {
        Self {
            file_name: file_name.into(),
            file_type: file_type.into(),
            metadata: None,
            extraction: Extraction::None,
            content,
        }
    }
}

/// What an agent saw at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedScreenshot {
    /// Its name without any path.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// Pixels across and down, where it is an image.
    pub size: Option<(u32, u32)>,
    /// What the agent did, and why, in a sentence; holds no secret. Of more than 1000 characters the first
    /// are shown.
    pub reasoning: Option<String>,
    /// Which step of its way.
    pub step: Option<u32>,
    /// Its content, in which no secret shows. At most [`MAX_SCREENSHOT_BYTES`].
    pub content: Bytes,
}

/// What became of a captured file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// What it is kept as; None where the task keeps no files, where an earlier run has captured it
    /// and the task drops such, or where the agent should stop.
    pub storage_id: Option<StorageId>,
    /// Whether the agent should stop.
    pub cancel: bool,
}

/// What a person is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// Numbers the questions of this lease, from 1.
    pub attempt: u32,
    /// `mfa`, `security_question`, …
    pub kind: String,
    /// What the person is told.
    pub message: String,
    /// What the person is asked for.
    pub fields: Vec<Field>,
    /// Where another worker goes on if this one is lost while it waits; sealed by the server. At
    /// most [`MAX_CHECKPOINT_BYTES`].
    pub checkpoint: Option<SecretSlice<u8>>,
}

/// What a person answered.
#[derive(Clone)]
pub struct Answer {
    /// By field; None where none came in time.
    pub answers: Option<Vec<(String, SecretString)>>,
    /// Whether the agent should stop.
    pub cancel: bool,
}

/// How execution ended.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishReport {
    /// The output, or what went wrong (never empty).
    pub result: Result<Value, Vec<RunError>>,
    /// What the source said of the credential.
    pub credential: Option<CredentialReport>,
    /// What becomes of the session.
    pub session: AfterRun,
    /// What the source knows the person by who is logged in. At most [`MAX_LOGIN_BYTES`].
    pub login: Option<Login>,
    /// What was done since the last word of it. A finish that is said again comes without.
    pub progress: Vec<Progress>,
}

/// Why a call had no effect.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    /// The run is no longer this worker's: it must stop touching the source.
    #[error("the lease is lost")]
    LeaseLost,
    /// The call cannot succeed as it is.
    #[error("the server refused: {message}")]
    Refused {
        /// What is wrong.
        message: String,
    },
    /// The server cannot be reached or cannot answer now: the call may be repeated.
    #[error("the server cannot answer now: {message}")]
    Unavailable {
        /// What is wrong.
        message: String,
    },
}
