//! What never changes of a run or a session: read from its row when an event about it is shown.

use std::time::Duration;

use windlass_domain::Timestamp;
use windlass_domain::event::{EventType, RunSummary, SessionSummary};
use windlass_domain::id::{AgentId, CredentialId, RunId, SessionId, SourceId, TaskId};
use windlass_domain::run::{Metadata, Run, Status};
use windlass_domain::session::{Session, SessionStatus};

use crate::Impossible;

/// What never changes of a run, for its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFacts {
    /// The run.
    pub id: RunId,
    /// Its task.
    pub task_id: TaskId,
    /// Its credential, if it has one.
    pub credential_id: Option<CredentialId>,
    /// The agent of its task.
    pub agent_id: AgentId,
    /// Its source, if it has one.
    pub source_id: Option<SourceId>,
    /// Its session.
    pub session_id: SessionId,
    /// The caller's own pairs.
    pub metadata: Metadata,
    /// When it was started.
    pub created_at: Timestamp,
}

/// What never changes of a session, for its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// The session.
    pub id: SessionId,
    /// Its credential, if it has one.
    pub credential_id: Option<CredentialId>,
    /// Its source, if it has one.
    pub source_id: Option<SourceId>,
    /// When it was opened.
    pub created_at: Timestamp,
}

impl RunFacts {
    /// The facts of a run with its caller's own pairs.
    pub fn of(run: &Run, metadata: Metadata) -> Self {
        Self {
            id: run.id,
            task_id: run.task_id.clone(),
            credential_id: run.credential_id,
            agent_id: run.agent_id.clone(),
            source_id: run.source_id.clone(),
            session_id: run.session_id,
            metadata,
            created_at: run.created_at,
        }
    }

    /// The run as its event of this type showed it.
    ///
    /// # Errors
    /// [`Impossible`] where the type is not about a run.
    pub fn summary(
        self,
        event_type: EventType,
        at: Timestamp,
        version: u32,
        runtime: Duration,
    ) -> Result<RunSummary, Impossible> {
        let status = Status::ALL
            .into_iter()
            .find(|status| EventType::of_run(*status) == event_type)
            .ok_or_else(|| Impossible::new(format!("`{event_type}` is about a run")))?;
        Ok(RunSummary {
            id: self.id,
            status,
            result: status.result(),
            task_id: self.task_id,
            credential_id: self.credential_id,
            agent_id: self.agent_id,
            source_id: self.source_id,
            session_id: self.session_id,
            runtime,
            version,
            metadata: self.metadata,
            created_at: self.created_at,
            updated_at: at,
        })
    }
}

impl SessionFacts {
    /// The facts of a session.
    pub fn of(session: &Session) -> Self {
        Self {
            id: session.id,
            credential_id: session.credential_id,
            source_id: session.source_id.clone(),
            created_at: session.created_at,
        }
    }

    /// The session as its event of this type showed it.
    ///
    /// # Errors
    /// [`Impossible`] where the type is not about a session.
    pub fn summary(
        self,
        event_type: EventType,
        at: Timestamp,
        version: u32,
        runtime: Duration,
    ) -> Result<SessionSummary, Impossible> {
        let status = SessionStatus::ALL
            .into_iter()
            .find(|status| EventType::of_session(*status) == event_type)
            .ok_or_else(|| Impossible::new(format!("`{event_type}` is about a session")))?;
        Ok(SessionSummary {
            id: self.id,
            status,
            credential_id: self.credential_id,
            source_id: self.source_id,
            runtime,
            version,
            created_at: self.created_at,
            updated_at: at,
        })
    }
}
