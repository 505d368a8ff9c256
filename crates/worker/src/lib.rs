//! What a worker is made of: the [`Agent`] that does a run, the [`Protocol`] that it speaks with
//! the server, and the [`RunContext`] that stands between the two.
//!
//! Everybody's workers and the server's embedded one are written against these. A worker leases
//! runs, renews its leases while the agent works, and says how each run ended.
//! Source: docs/workers.md.

pub mod agent;
pub mod context;
pub mod lease;
pub mod protocol;

pub use agent::{Agent, Outcome, RunFailure};
pub use context::{RunContext, Stopped};
pub use lease::{LeasedRun, OpenedCredential};
pub use protocol::{Protocol, ProtocolError};
