//! What a destination's attempts have come to, in its row.

use windlass_domain::delivery::Failing;

use crate::columns::{At, Count};

row! {
    /// The columns of `destination` that say since when its attempts fail.
    #[derive(Debug, Clone, Copy)]
    pub struct FailingColumns {
        /// When the first failed; null where the last succeeded.
        pub failing_since: Option<At>,
        /// How many failed.
        pub failed_attempts: Count,
    }
}

impl From<Option<Failing>> for FailingColumns {
    fn from(failing: Option<Failing>) -> Self {
        Self {
            failing_since: failing.map(|failing| At(failing.since)),
            failed_attempts: Count(failing.map_or(0, |failing| failing.attempts)),
        }
    }
}

impl From<FailingColumns> for Option<Failing> {
    fn from(columns: FailingColumns) -> Self {
        let attempts = columns.failed_attempts.0;
        columns
            .failing_since
            .map(|At(since)| Failing { since, attempts })
    }
}
