//! Workers of Windlass: processes that lease runs, have an [`Agent`] do them, and say how each ended.
//!
//! ```no_run
//! use windlass_worker::{
//!     Agent, ExposeSecret, HttpProtocol, Outcome, RunContext, RunFailure, Worker,
//! };
//!
//! struct Greeter;
//!
//! #[async_trait::async_trait]
//! impl Agent for Greeter {
//!     async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure> {
//!         let credential = context.begin().await?; // before the first request to the source
//!         let password = credential.as_ref().and_then(|it| it.password.as_ref());
//!         let _signs_in_with = password.map(|password| password.expose_secret()); // in no log
//!         let name = credential.and_then(|credential| credential.username);
//!         Ok(Outcome::of(serde_json::json!({"greeting": format!("Hello {}", name.unwrap_or_default())})))
//!     }
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = HttpProtocol::new("http://127.0.0.1:8080", std::env::var("WINDLASS_KEY")?)?;
//!     Ok(Worker::new("greeter-1", server, Greeter).serve().await?) // until SIGTERM
//! }
//! ```
//!
//! The [`Worker`] registers, waits for runs, renews their leases while the agent works, tells it to
//! stop where the server says so, and repeats what the server did not hear, with waits that grow. The
//! agent speaks of its run through a [`RunContext`]: it begins, says what it does, keeps files and
//! screenshots, asks the person, and hears of a cancel as a future ([`RunContext::unless_stopped`]).
//! A worker that is asked to leave gives back what does not end in time.
//!
//! What it says goes through a [`Protocol`]: over HTTP (`HttpProtocol`, feature `http`, on by default),
//! or, in the server's embedded worker, by calls in the same process. Everybody's workers are the same
//! code. A complete one is in `examples/worker-rust`. Source: docs/workers.md.

pub mod agent;
mod backoff;
pub mod context;
mod doing;
mod held_run;
#[cfg(feature = "http")]
pub mod http;
pub mod lease;
mod leasing;
pub mod protocol;
mod said;
mod sessions;
mod signal;
mod start;
mod turns;
pub mod worker;

pub use bytes::Bytes;
pub use secrecy::{ExposeSecret, SecretSlice, SecretString};
pub use tokio_util::sync::CancellationToken;

pub use agent::{Agent, Outcome, RunFailure};
pub use context::{RunContext, Stopped};
#[cfg(feature = "http")]
pub use http::{HttpProtocol, NoServer};
pub use lease::{FileExtraction, LeasedRun, LeasedSource, LeasedTask, Login, OpenedCredential};
pub use protocol::{
    CapturedFile, CapturedScreenshot, LeaseKey, Protocol, ProtocolError, Registration,
};
pub use windlass_domain::Timestamp;
pub use windlass_domain::file::{Extraction, MAX_EXTRACTION_BYTES, MAX_METADATA_BYTES};
pub use windlass_domain::id::{
    CredentialId, MalformedId, RunId, SessionId, SourceId, StorageId, TaskId,
};
pub use windlass_domain::pool::{NotAPool, Pool};
pub use windlass_domain::run::{
    AfterRun, CredentialReport, Epoch, ErrorCode, ErrorType, Field, FieldOption, RunError, Status,
};
pub use windlass_domain::task::{
    Concurrency, Engine, Priority, Review, SourceRequirement, TaskSettings,
};
pub use worker::{Worker, WorkerError};
