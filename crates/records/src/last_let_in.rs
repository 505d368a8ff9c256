//! When a process last looked for slots that nobody took. Source: docs/lifecycle.md, "Slots".

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use windlass_domain::Timestamp;

/// How often a process looks: who frees a slot gives it on, but a limit that is raised frees some,
/// too.
const EVERY: Duration = Duration::from_secs(60);

/// When this process last looked for slots that nobody took.
#[derive(Debug, Default)]
pub struct LastLetIn(Mutex<Option<Timestamp>>);

impl LastLetIn {
    /// Whether it is time to look again. If so, this is the look.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now >= last + EVERY);
        if is_due {
            *last = Some(now);
        }
        is_due
    }

    /// The look has left somebody over: it is time at once.
    pub fn look_again(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_looks_when_it_starts_and_then_once_a_minute() {
        let last = LastLetIn::default();
        let at = |seconds| Timestamp::EPOCH + Duration::from_secs(seconds);

        let looks = [0, 1, 59, 60, 119, 200].map(|seconds| last.is_due(at(seconds)));

        assert_eq!(looks, [true, false, false, true, false, true]);
    }

    #[test]
    fn it_looks_again_at_once_where_somebody_was_left_over() {
        let last = LastLetIn::default();
        let at = Timestamp::EPOCH;

        let first = last.is_due(at);
        last.look_again();

        assert_eq!((first, last.is_due(at)), (true, true));
    }
}
