//! A clock that can be put ahead.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use windlass_application::ports::Clock;
use windlass_domain::Timestamp;
use windlass_store_sqlite::SystemClock;

/// The system's clock, so many milliseconds ahead.
#[derive(Default)]
pub(crate) struct Later(AtomicU64);

impl Later {
    /// So much time has passed.
    pub(crate) fn pass(&self, length: Duration) {
        let millis = u64::try_from(length.as_millis()).expect("a length that tests need");
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }
}
