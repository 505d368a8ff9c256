//! Sessions, kept.

use async_trait::async_trait;
use windlass_domain::id::{OrganizationId, SessionId};
use windlass_domain::lifecycle::Signal;
use windlass_domain::run::Run;
use windlass_domain::session::{Session, SessionCommand};

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::{StoreError, WriteError};
use crate::write::{OrganizationContext, Write, Written};

/// How many of its runs a session shows. Source: docs/api.md, "Sessions".
pub const SHOWN_RUNS: u32 = 100;

/// A session as its caller sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    /// The session.
    pub session: Session,
    /// The newest [`SHOWN_RUNS`] of its runs, newest first.
    pub runs: Vec<Run>,
}

/// What a command to a session did.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionCommanded {
    /// The session as it is now.
    pub session: SessionView,
    /// What to tell outside.
    pub signals: Vec<Signal>,
}

/// Sessions. What a run means for its session stands in `Runs`: the two are decided together.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Locks the session's scene, asks `lifecycle::decide`, and saves what it says: the session,
    /// its runs, their events.
    ///
    /// # Errors
    /// `NotFound` also where the session is another organization's; `Refused` where the lifecycle
    /// says no.
    async fn command(
        &self,
        write: Write,
        session_id: SessionId,
        command: SessionCommand,
    ) -> Result<Written<SessionCommanded>, WriteError>;

    /// The session of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError>;

    /// The session of this id with its runs, all at one moment.
    async fn view(
        &self,
        organization: OrganizationContext,
        id: SessionId,
    ) -> Result<Option<SessionView>, StoreError>;

    /// Sessions, newest first.
    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<SessionView>, StoreError>;

    /// Whose a session is; for the embedded worker, which knows the session alone.
    async fn organization_of(&self, id: SessionId) -> Result<Option<OrganizationId>, StoreError>;
}
