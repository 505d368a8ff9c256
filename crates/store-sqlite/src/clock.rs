//! The clock of a store that lives in one process: the machine's own.

use std::time::{SystemTime, UNIX_EPOCH};

use windlass_application::ports::Clock;
use windlass_domain::Timestamp;

/// The machine's clock. A step back of it harms no order: each moment of a resource is set after
/// the one before.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::EPOCH + since_epoch
    }
}
