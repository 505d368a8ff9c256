//! A clock that stands still until a test moves it.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use windlass_application::ports::Clock;
use windlass_domain::Timestamp;

/// 2026-01-05T10:00:00Z.
const START_MILLIS: i64 = 1_767_607_200_000;

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct VirtualClock(AtomicI64);

impl Default for VirtualClock {
    fn default() -> Self {
        Self(AtomicI64::new(START_MILLIS))
    }
}

impl VirtualClock {
    /// Moves it on.
    pub fn advance(&self, length: Duration) {
        let millis =
            i64::try_from(length.as_millis()).expect("a test moves it by less than an age");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
