//! Sessions on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::Timestamp;
use windlass_domain::run::Run;
use windlass_domain::session::Session;

use crate::run::millis;

/// A place with state that runs are done in, one at a time.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "sess_0324ygSCrnoc7Ek8y5PBgq", "object": "session", "status": "idle",
    "runtime_ms": 18277, "credential_id": "cred_0324ygP3uH5Kw9XTMUxbAS", "source_id": "src_0324ygNUQd6U8RxXTH1COe",
    "task_runs": [{"id": "trun_0324ygTmLd1GBzfqb28m5Y", "object": "task_run", "status": "completed",
        "task_id": "task_0324ygQdO37zLKt2nQcsFk", "agent_id": "agt_0324ygLuwpuEqQLXlTfeFw",
        "credential_id": "cred_0324ygP3uH5Kw9XTMUxbAS"}],
    "created_at": "2026-01-05T10:01:40.000Z", "updated_at": "2026-01-05T10:02:19.967Z"}))]
pub struct SessionBody {
    /// Its id.
    pub id: String,
    /// `session`.
    pub object: &'static str,
    /// `queued`, `running`, `idle`, `completing`, `completed` or `failed`.
    pub status: &'static str,
    /// Time in `running` and `completing`.
    pub runtime_ms: u64,
    /// Who is logged in.
    #[schema(required)]
    pub credential_id: Option<String>,
    /// Where it is.
    #[schema(required)]
    pub source_id: Option<String>,
    /// The newest 100 of its runs, newest first.
    pub task_runs: Vec<SessionRunBody>,
    /// When it was opened.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it entered its status.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// The request that this answers; items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A run as its session shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionRunBody {
    /// Its id.
    pub id: String,
    /// `task_run`.
    pub object: &'static str,
    /// Where it stands.
    pub status: &'static str,
    /// Its task.
    pub task_id: String,
    /// The agent of its task.
    pub agent_id: String,
    /// Who is logged in.
    #[schema(required)]
    pub credential_id: Option<String>,
}

impl SessionBody {
    /// A session with its runs, as it stands at the moment `now`.
    pub fn new(session: &Session, runs: &[Run], now: Timestamp) -> Self {
        Self {
            id: session.id.to_string(),
            object: "session",
            status: session.status().as_str(),
            runtime_ms: millis(session.runtime_at(now)),
            credential_id: session.credential_id.map(|id| id.to_string()),
            source_id: session.source_id.as_ref().map(ToString::to_string),
            task_runs: runs.iter().map(SessionRunBody::from).collect(),
            created_at: session.created_at.to_string(),
            updated_at: session.updated_at.to_string(),
            request_id: None,
        }
    }
}

impl From<&Run> for SessionRunBody {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id.to_string(),
            object: "task_run",
            status: run.status().as_str(),
            task_id: run.task_id.to_string(),
            agent_id: run.agent_id.to_string(),
            credential_id: run.credential_id.map(|id| id.to_string()),
        }
    }
}
