//! `begin`: from here on the source may have been touched.

use super::{Transition, touch};
use crate::run::{Lease, Refusal, Run};
use crate::time::Timestamp;

/// An activity like any other: each says that the lease has begun.
pub(super) fn apply(run: &Run, now: Timestamp) -> Result<Transition, Refusal> {
    touch::apply(run, now)
}

/// `lease` as one that has begun, counted once as an attempt of `run`. Its checkpoint has served.
pub(super) fn begun(run: &mut Run, lease: &Lease) -> Lease {
    if !lease.begun {
        run.attempts += 1;
    }
    Lease {
        begun: true,
        checkpoint: None,
        ..lease.clone()
    }
}
