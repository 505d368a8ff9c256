//! What events show of runs, sessions, and the files that runs capture.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::event::{RunSummary, SessionSummary};
use windlass_domain::file::FileSummary;
use windlass_domain::run::Outcome;

/// A run, as its events show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RunEventData {
    /// `trun_…`.
    pub id: String,
    /// `task_run`.
    pub object: &'static str,
    /// The status that it entered.
    pub status: &'static str,
    /// `success`, `failure` or `unknown`; null while the run is live.
    #[schema(required)]
    pub result: Option<&'static str>,
    /// Its task.
    pub task_id: String,
    /// Its credential.
    #[schema(required)]
    pub credential_id: Option<String>,
    /// The agent of its task.
    pub agent_id: String,
    /// Its source.
    #[schema(required)]
    pub source_id: Option<String>,
    /// Time in `running` and `canceling`, in milliseconds.
    pub runtime_ms: u64,
    /// When the run was started.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it entered this status.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Its session.
    pub session_id: String,
    /// Counts the statuses entered: orders the events of one run.
    pub version: u32,
    /// The caller's own pairs.
    pub metadata: BTreeMap<String, String>,
}

/// A session, as its events show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SessionEventData {
    /// `sess_…`.
    pub id: String,
    /// `session`.
    pub object: &'static str,
    /// The status that it entered.
    pub status: &'static str,
    /// Time in `running` and `completing`, in milliseconds.
    pub runtime_ms: u64,
    /// When it was opened.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it entered this status.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Its credential.
    #[schema(required)]
    pub credential_id: Option<String>,
    /// Its source.
    #[schema(required)]
    pub source_id: Option<String>,
    /// Counts the statuses entered: orders the events of one session.
    pub version: u32,
}

/// A file that a run captured, as its event shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StorageEventData {
    /// `stor_…`.
    pub id: String,
    /// `storage`.
    pub object: &'static str,
    /// Its name, without any path.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// How long it is, in bytes.
    pub file_size: u64,
    /// `output`.
    pub purpose: &'static str,
    /// The run that captured it.
    pub task_run_id: String,
    /// When it was captured.
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<&RunSummary> for RunEventData {
    fn from(run: &RunSummary) -> Self {
        Self {
            id: run.id.to_string(),
            object: "task_run",
            status: run.status.as_str(),
            result: run.result.map(Outcome::as_str),
            task_id: run.task_id.to_string(),
            credential_id: run.credential_id.map(|id| id.to_string()),
            agent_id: run.agent_id.to_string(),
            source_id: run.source_id.as_ref().map(ToString::to_string),
            runtime_ms: millis(run.runtime),
            created_at: run.created_at.to_string(),
            updated_at: run.updated_at.to_string(),
            session_id: run.session_id.to_string(),
            version: run.version,
            metadata: run.metadata.clone(),
        }
    }
}

impl From<&SessionSummary> for SessionEventData {
    fn from(session: &SessionSummary) -> Self {
        Self {
            id: session.id.to_string(),
            object: "session",
            status: session.status.as_str(),
            runtime_ms: millis(session.runtime),
            created_at: session.created_at.to_string(),
            updated_at: session.updated_at.to_string(),
            credential_id: session.credential_id.map(|id| id.to_string()),
            source_id: session.source_id.as_ref().map(ToString::to_string),
            version: session.version,
        }
    }
}

impl From<&FileSummary> for StorageEventData {
    fn from(file: &FileSummary) -> Self {
        Self {
            id: file.id.to_string(),
            object: "storage",
            file_name: file.file_name.clone(),
            file_type: file.file_type.clone(),
            file_size: file.file_size,
            purpose: "output",
            task_run_id: file.run_id.to_string(),
            created_at: file.created_at.to_string(),
        }
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
