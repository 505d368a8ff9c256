//! Renews a lease.

use std::time::Duration;

use windlass_domain::Timestamp;
use windlass_domain::run::WorkerCommand;

use super::held_runs::{Heard, HeldRuns, LeaseCall};
use crate::error::CallError;

/// Renews a lease.
pub struct RenewLease {
    pub(super) held: HeldRuns,
    pub(super) length: Duration,
}

/// A lease that was renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// When it is lost, unless it is renewed again.
    pub lease_expires_at: Timestamp,
    /// Whether the agent should stop.
    pub cancel: bool,
}

impl RenewLease {
    /// The worker is alive. No activity.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`.
    pub async fn execute(&self, call: &LeaseCall) -> Result<Renewal, CallError> {
        let renew = WorkerCommand::Renew {
            length: self.length,
        };
        let run = self.held.say(call, renew, None).await?;
        let lease = run.held_under(call.epoch)?;
        Ok(Renewal {
            lease_expires_at: lease.expires_at,
            cancel: Heard::of(&run).cancel,
        })
    }
}
