//! Ends a session.

use std::sync::Arc;
use std::time::Duration;

use windlass_domain::id::SessionId;
use windlass_domain::session::SessionCommand;

use crate::announce::Announcer;
use crate::error::CallError;
use crate::ports::Sessions;
use crate::ports::sessions::SessionView;
use crate::problem::Resource;
use crate::write::{Write, Written};

/// Ends a session.
pub struct EndSession {
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) announcer: Announcer,
    pub(crate) grace: Duration,
}

impl EndSession {
    /// Cancels what waits for the session and what is done in it, also where that waits for a
    /// person; its agent has the grace to stop. One that has ended stays as it is.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn execute(
        &self,
        write: Write,
        session_id: SessionId,
    ) -> Result<Written<SessionView>, CallError> {
        let end = SessionCommand::End { grace: self.grace };
        let written = self.sessions.command(write, session_id, end).await;
        match written.map_err(|error| CallError::of_write(error, Resource::Session))? {
            Written::Done(commanded) => {
                self.announcer.announce(&commanded.signals).await;
                Ok(Written::Done(commanded.session))
            }
            Written::Replayed(answer) => Ok(Written::Replayed(answer)),
        }
    }
}
