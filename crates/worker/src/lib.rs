//! What a worker is made of: the [`Agent`] that does a run, the [`Protocol`] that it speaks with
//! the server, and the [`RunContext`] that stands between the two. A [`Worker`] puts them together:
//! it leases runs, renews its leases while the agent works, tells it to stop where the server says
//! so, and reports how each run ended.
//!
//! Everybody's workers and the server's embedded one are written against these.
//! Source: docs/workers.md.
//!
//! ```
//! use windlass_domain::{id::SessionId, run::AfterRun};
//! use windlass_worker::{Agent, Outcome, RunContext, RunFailure};
//!
//! struct Greeter;
//!
//! #[async_trait::async_trait]
//! impl Agent for Greeter {
//!     async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
//!         let credential = context.begin().await?; // before the first request to the source
//!         context.progress(1, "greet")?;
//!         let name = credential.and_then(|credential| credential.username);
//!         let output = serde_json::json!({"greeting": format!("Hello {}", name.unwrap_or_default())});
//!         Ok(Outcome { output, credential: None, session: AfterRun::End, login: None })
//!     }
//!
//!     async fn end_session(&self, _: SessionId) {} // nothing is kept between runs
//! }
//! ```

pub mod agent;
mod backoff;
pub mod context;
mod held_run;
pub mod lease;
mod leasing;
pub mod protocol;
mod said;
mod start;
pub mod worker;

pub use agent::{Agent, Outcome, RunFailure};
pub use context::{RunContext, Stopped};
pub use lease::{LeasedRun, Login, OpenedCredential};
pub use protocol::{Protocol, ProtocolError};
pub use worker::{Worker, WorkerError};
