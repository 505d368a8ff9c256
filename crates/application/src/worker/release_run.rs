//! Gives a run back.

use windlass_domain::run::{Status, WorkerCommand};

use super::held_runs::{HeldRuns, LeaseCall};
use crate::error::CallError;

/// Gives a run back.
pub struct ReleaseRun {
    pub(super) held: HeldRuns,
}

impl ReleaseRun {
    /// The worker has stopped and gives the run back; answers what became of it.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`.
    pub async fn execute(&self, call: &LeaseCall) -> Result<Status, CallError> {
        let run = self.held.say(call, WorkerCommand::Release, None).await?;
        Ok(run.status())
    }

    /// The same for a run that waits for a person and left a checkpoint: another worker asks again.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`; `Refused(RunNotRunning)` where it waits for none, as when
    /// the answer has come meanwhile, or asks something else by now than this `attempt`.
    pub async fn while_asking(
        &self,
        call: &LeaseCall,
        attempt: Option<u32>,
    ) -> Result<Status, CallError> {
        let command = WorkerCommand::ReleaseAsking { attempt };
        let run = self.held.say(call, command, None).await?;
        Ok(run.status())
    }
}
