//! Takes a question back: the source went on by itself.

use windlass_domain::run::WorkerCommand;

use super::held_runs::{Heard, HeldRuns, LeaseCall};
use crate::error::CallError;

/// Takes a question back.
pub struct WithdrawQuestion {
    pub(super) held: HeldRuns,
}

impl WithdrawQuestion {
    /// The run goes on without an answer. One that was answered meanwhile is as it is, and so is one that
    /// asks something else by now than this `attempt`.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`; `Refused(RunNotRunning)` where nothing was asked.
    pub async fn execute(
        &self,
        call: &LeaseCall,
        attempt: Option<u32>,
    ) -> Result<Heard, CallError> {
        let withdraw = WorkerCommand::Withdraw { attempt };
        let run = self.held.say(call, withdraw, None).await?;
        Ok(Heard::of(&run))
    }
}
