//! Leases: asked for, renewed, begun, given back.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::source::SourceBody;
use crate::task::TaskBody;
use crate::worker::credential::{LeasedCredentialBody, OpenedCredentialBody};

/// What a worker asks for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"worker": "scraper-1", "incarnation": 3, "pools": ["default"], "capacity": 2,
    "begin": "explicit", "wait": 1, "heard": 0}))]
pub struct LeaseRunsBody {
    /// The worker's name.
    pub worker: String,
    /// Which start of it.
    #[schema(maximum = 4_294_967_295_u32)]
    pub incarnation: u32,
    /// From where, in this order of preference, at most 16; `default` alone where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pools: Option<Vec<String>>,
    /// How many runs at most, up to 1000; 1 where left out. With 0 the call only listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1000)]
    pub capacity: Option<u32>,
    /// The sessions that the worker keeps, at most 10,000. Leaving one out gives up nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Vec<String>>,
    /// The runs that the worker holds and has not been told to stop, at most 10,000: the call returns at
    /// once when one of them should. Left out, it returns when one should that it holds by the server's
    /// books, unless that should already when the call came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Vec<String>>,
    /// `brought` of the last answer that the worker has heard, and 0 in its first call. What was leased
    /// since, has not begun and is not in `held` then comes again, and nothing else; left out, it is lost
    /// with its lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    pub heard: Option<u32>,
    /// `explicit` where the worker will say when each run begins; a run begins by being leased where
    /// left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub begin: Option<BeginName>,
    /// How many seconds to wait for the first run, up to 30; 0 where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 30)]
    pub wait: Option<u32>,
}

/// When a leased run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BeginName {
    /// When its worker says so.
    Explicit,
}

/// What a worker gets.
#[derive(Clone, Serialize, ToSchema)]
#[schema(example = json!({"leases": [{
    "run": {"id": "trun_0324ygTmLd1GBzfqb28m5Y", "object": "task_run", "status": "running",
        "task_id": "task_0324ygQdO37zLKt2nQcsFk", "agent_id": "agt_0324ygLuwpuEqQLXlTfeFw",
        "source_id": "src_0324ygNUQd6U8RxXTH1COe", "credential_id": "cred_0324ygP3uH5Kw9XTMUxbAS",
        "session_id": "sess_0324ygSCrnoc7Ek8y5PBgq", "created_at": "2026-01-05T10:01:40.000Z",
        "trace_parent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
    "task": {"id": "task_0324ygQdO37zLKt2nQcsFk", "object": "task", "name": "Latest bill",
        "prompt": "Find the bill of the given month.", "status": "learning",
        "agent_id": "agt_0324ygLuwpuEqQLXlTfeFw", "input_schema": null, "output_schema": null, "storage": null,
        "extraction": false,
        "settings": {"inactivity_timeout_seconds": 1800, "timeout_seconds": null,
            "interaction_timeout_seconds": 900, "queue_timeout_seconds": 1800, "review_timeout_seconds": null,
            "review": "none", "pool": null, "max_attempts": 1, "priority": 5, "concurrency": null,
            "keep_login": false, "session_idle_seconds": 600, "source": "required", "engine": "auto"},
        "created_at": "2026-01-05T10:00:05.000Z", "updated_at": "2026-01-05T10:00:05.000Z"},
    "input": {"month": "2025-12"},
    "source": {"id": "src_0324ygNUQd6U8RxXTH1COe", "object": "source", "name": "Nordlys Kraft", "type": "website",
        "website": {"url": "https://my.nordlys.example/login"},
        "created_at": "2026-01-05T10:00:02.000Z", "updated_at": "2026-01-05T10:00:02.000Z"},
    "credential": {"id": "cred_0324ygP3uH5Kw9XTMUxbAS", "auth_method": "username_password",
        "status": "verified"},
    "session": {"id": "sess_0324ygSCrnoc7Ek8y5PBgq", "object": "session", "status": "running",
        "resumed": false},
    "playbook": null, "checkpoint": null, "epoch": 1, "begun": false,
    "lease_expires_at": "2026-01-05T10:01:51.500Z"}],
    "ended_sessions": [], "stopping": [], "brought": 1, "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct LeasesBody {
    /// Runs to do; empty where nothing came in time.
    pub leases: Vec<LeaseBody>,
    /// Those of the call's `sessions` that this start of the worker no longer has: what it keeps for
    /// them can go.
    pub ended_sessions: Vec<String>,
    /// Those of the worker's runs that should stop: the next renewal of each says how. Of a call that
    /// leaves `held` out, those that should since it came.
    pub stopping: Vec<String>,
    /// How many lease calls have brought this start of the worker runs: say it in the next as `heard`.
    pub brought: u32,
    /// The request that this answers.
    pub request_id: String,
}

/// A run that the worker holds, with all that its agent needs.
#[derive(Clone, Serialize, ToSchema)]
pub struct LeaseBody {
    /// The run.
    pub run: LeasedRunBody,
    /// What is to be done: the version of the task that the run started with.
    pub task: TaskBody,
    /// What the caller gave, checked against the task's input schema; a secret of the caller's.
    pub input: Value,
    /// Where it is to be done.
    #[schema(required)]
    pub source: Option<SourceBody>,
    /// Who is to be logged in; null where the run has no credential, or it was deleted. With
    /// `"begin": "explicit"` its `auth_credentials` come with `begin`, and are left out here.
    #[schema(required)]
    pub credential: Option<LeasedCredentialBody>,
    /// The session that it is done in.
    pub session: LeasedSessionBody,
    /// The recorded way through the source.
    #[schema(required)]
    pub playbook: Option<Value>,
    /// Where to go on, in base64, as an earlier lease of the run left it with a question: ask again.
    #[schema(required)]
    pub checkpoint: Option<String>,
    /// The lease's number: every call about the run carries it.
    pub epoch: u32,
    /// Whether the run has begun by being leased.
    pub begun: bool,
    /// When the lease is lost, unless it is renewed.
    #[schema(format = DateTime)]
    pub lease_expires_at: String,
}

/// A run as its worker sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeasedRunBody {
    /// Its id.
    pub id: String,
    /// `task_run`.
    pub object: &'static str,
    /// `running`; `canceling` where a lease comes again whose run was canceled meanwhile.
    pub status: &'static str,
    /// Its task.
    pub task_id: String,
    /// The agent of its task.
    pub agent_id: String,
    /// Where it is done.
    #[schema(required)]
    pub source_id: Option<String>,
    /// Who is to be logged in.
    #[schema(required)]
    pub credential_id: Option<String>,
    /// The session that it is done in.
    pub session_id: String,
    /// When it was started.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The trace that its start was a part of, as a `traceparent` header has it: give it with each call
    /// about the run.
    #[schema(required)]
    pub trace_parent: Option<String>,
}

/// A session as its worker sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeasedSessionBody {
    /// Its id.
    pub id: String,
    /// `session`.
    pub object: &'static str,
    /// `running`.
    pub status: &'static str,
    /// Whether this start of the worker has its state from a run before. Where it is false the agent
    /// starts from nothing, even where it knows the id.
    pub resumed: bool,
}

/// Which lease a call speaks for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"epoch": 1}))]
pub struct EpochBody {
    /// The lease's number.
    #[schema(maximum = 4_294_967_295_u32)]
    pub epoch: u32,
}

/// A renewed lease.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"lease_expires_at": "2026-01-05T10:02:11.500Z", "cancel": false,
    "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct RenewalBody {
    /// When it is lost now, unless it is renewed again.
    #[schema(format = DateTime)]
    pub lease_expires_at: String,
    /// Whether the run is being canceled: stop, and say so by a finish.
    pub cancel: bool,
    /// The request that this answers.
    pub request_id: String,
}

/// A run that has begun.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"credential": {"id": "cred_0324ygP3uH5Kw9XTMUxbAS", "auth_method": "username_password",
        "status": "verified", "auth_credentials": {"username": "kari@bolig.example", "password": "vinter-og-vår",
            "totp_secret": null, "source_fields": {"customer_number": "400812"}},
        "login": null},
    "cancel": false, "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct BegunBody {
    /// Who is to be logged in; null where the run has no credential, or it was deleted, or the run
    /// is being canceled.
    #[schema(required)]
    pub credential: Option<OpenedCredentialBody>,
    /// Whether the run is being canceled: stop, and say so by a finish.
    pub cancel: bool,
    /// The request that this answers.
    pub request_id: String,
}

/// A run that is given back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"epoch": 1}))]
pub struct ReleaseRunBody {
    /// The lease's number.
    #[schema(maximum = 4_294_967_295_u32)]
    pub epoch: u32,
    /// With true it is given back only where it still waits for a person and left a checkpoint; else
    /// nothing changes, and it is still this worker's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asking: Option<bool>,
    /// With `asking`: the attempt of the question that waits. A call that comes late then gives no run back
    /// that asks the next; the present one where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    pub attempt: Option<u32>,
}
