//! A worker that is gone for good: its leases are lost at once, nobody waits for their clocks.

use super::{Transition, lost};
use crate::run::{Holder, Refusal, Run};
use crate::time::Timestamp;

pub(super) fn apply(run: &Run, holder: Holder, now: Timestamp) -> Result<Transition, Refusal> {
    match run.state.lease() {
        Some(lease) if lease.holder == holder => lost::lease_lost(run, now),
        Some(_) | None => Err(Refusal::NotDue {
            status: run.status(),
        }),
    }
}
