//! Lengths of time inside JSON: whole milliseconds.

use std::time::Duration;

/// Whole milliseconds; what is longer than u64 can say is kept as the longest.
pub(crate) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}
