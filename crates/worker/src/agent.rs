//! The agent: what does a run on its source.

use async_trait::async_trait;
use serde_json::Value;
use windlass_domain::id::SessionId;
use windlass_domain::run::RunError;
use windlass_domain::run::command::{AfterRun, CredentialReport};

use crate::context::{RunContext, Stopped};
use crate::lease::Login;

/// Does runs on their sources. One agent does many runs at once, each in a session of its own.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// Does one run. `context.begin()` comes before the first request to the source.
    ///
    /// # Errors
    /// [`RunFailure::Failed`] says what went wrong, for the run's caller; [`RunFailure::Stopped`]
    /// passes on that the run is no longer this agent's.
    async fn run(&self, context: &RunContext) -> Result<Outcome, RunFailure>;

    /// The session has ended: whatever was kept for it can go. An agent that keeps nothing between
    /// runs has nothing to do.
    async fn end_session(&self, session_id: SessionId) {
        let _ = session_id;
    }
}

/// A success.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// What the caller gets; checked against the task's output schema by the server.
    pub output: Value,
    /// What the source said of the credential.
    pub credential: Option<CredentialReport>,
    /// What becomes of the session.
    pub session: AfterRun,
    /// What the source knows the person by who is logged in: the credential's next session starts
    /// from it, where the task keeps logins and the source has verified the credential.
    pub login: Option<Login>,
}

impl Outcome {
    /// A success that says nothing of the credential and keeps the session, as long as the task's
    /// settings say.
    pub fn of(output: Value) -> Self {
        Self {
            output,
            credential: None,
            session: AfterRun::Keep,
            login: None,
        }
    }
}

/// Why a run has no output.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RunFailure {
    /// The run fails with these errors; never empty.
    #[error("the run failed: {}", .errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; "))]
    Failed {
        /// What went wrong.
        errors: Vec<RunError>,
        /// What the source said of the credential.
        credential: Option<CredentialReport>,
        /// What becomes of the session.
        session: AfterRun,
    },
    /// The run is to be left alone.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<RunError> for RunFailure {
    /// A failure that says nothing of the credential and keeps the session.
    fn from(error: RunError) -> Self {
        Self::Failed {
            errors: vec![error],
            credential: None,
            session: AfterRun::Keep,
        }
    }
}
