//! Cancels a run.

use std::sync::Arc;
use std::time::Duration;

use windlass_domain::id::RunId;
use windlass_domain::run::RunCommand;

use crate::announce::Announcer;
use crate::command::command;
use crate::error::CallError;
use crate::ports::Runs;
use crate::ports::runs::RunView;
use crate::write::{Write, Written};

/// Cancels a run.
pub struct CancelRun {
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) announcer: Announcer,
    pub(crate) grace: Duration,
}

impl CancelRun {
    /// Asks the run to stop; its agent has the grace to do so.
    ///
    /// # Errors
    /// `NotFound`; `Refused(NotCancelable)` from every status but `queued`, `running`, `canceling`
    /// and `canceled`.
    pub async fn execute(
        &self,
        write: Write,
        run_id: RunId,
    ) -> Result<Written<RunView>, CallError> {
        let cancel = RunCommand::Cancel { grace: self.grace };
        command(&*self.runs, &self.announcer, write, run_id, cancel).await
    }
}
