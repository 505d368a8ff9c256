//! A worker's starts and its leaving.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A start of a worker.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"worker": "scraper-1", "start": "9f2c41d07be85a63"}))]
pub struct RegisterWorkerBody {
    /// The worker's name, unlike that of any other of the organization: 1 to 255 characters.
    pub worker: String,
    /// What the worker calls this start, such as a random text: the call made again with the same one
    /// is no new start. 1 to 255 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

/// A worker that has started.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "wrk_0324yhVdTAkRl4cPyZNpBg", "object": "worker", "worker": "scraper-1",
    "incarnation": 3, "lost_leases": 0, "lease_seconds": 30, "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct WorkerStartBody {
    /// Its id.
    pub id: String,
    /// `worker`.
    pub object: String,
    /// Its name.
    pub worker: String,
    /// Which start this is; part of every later call that names the worker.
    pub incarnation: u32,
    /// How many leases of the start before it are lost.
    pub lost_leases: u32,
    /// How long a lease lives from each of its renewals.
    pub lease_seconds: u64,
    /// The request that this answers.
    pub request_id: String,
}

/// A worker that leaves.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"incarnation": 3}))]
pub struct DrainWorkerBody {
    /// Which start of it; the latest where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 4_294_967_295_u32)]
    pub incarnation: Option<u32>,
}

/// A worker that leases nothing more.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"id": "wrk_0324yhVdTAkRl4cPyZNpBg", "object": "worker", "worker": "scraper-1",
    "incarnation": 3, "draining": true, "leases": 2, "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct WorkerDrainedBody {
    /// Its id.
    pub id: String,
    /// `worker`.
    pub object: String,
    /// Its name.
    pub worker: String,
    /// Which start leaves.
    pub incarnation: u32,
    /// Always true: it gets no new leases.
    pub draining: bool,
    /// How many runs it still holds: to be finished, or released.
    pub leases: u32,
    /// The request that this answers.
    pub request_id: String,
}

/// Which worker gives a session up.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"worker": "scraper-1", "incarnation": 3}))]
pub struct EvictSessionBody {
    /// The worker's name.
    pub worker: String,
    /// Which start of it.
    #[schema(maximum = 4_294_967_295_u32)]
    pub incarnation: u32,
}

/// A session that was given up.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({"session_id": "sess_0324ygSCrnoc7Ek8y5PBgq", "evicted": true,
    "request_id": "req_0324ygme6xlgGg9YYevL5s"}))]
pub struct SessionEvictedBody {
    /// The session.
    pub session_id: String,
    /// Always true: it has ended, now or before.
    pub evicted: bool,
    /// The request that this answers.
    pub request_id: String,
}
