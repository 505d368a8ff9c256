//! What requests go out with: the dialer, and the manners that sources are treated with.

use windlass_egress::Dialer;

use crate::codes::Codes;
use crate::evidence::Pace;
use crate::manners::{Gates, Manners};

/// The way out. One for all runs of an agent, since a source counts all of them together.
pub(crate) struct Network {
    pub(crate) dialer: Dialer,
    pub(crate) manners: Manners,
    pub(crate) gates: Gates,
    /// Which codes of authenticators were used.
    pub(crate) codes: Codes,
    /// How many runs are kept step by step.
    pub(crate) pace: Pace,
}

impl Network {
    pub(crate) fn new(dialer: Dialer, manners: Manners) -> Self {
        Self {
            dialer,
            manners,
            gates: Gates::default(),
            codes: Codes::from_now(),
            pace: Pace::default(),
        }
    }
}
