//! How long to wait before a call is repeated.

use std::time::Duration;

/// The first wait, before it is spread.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait: well within the life of a lease.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that double, each spread over its second half, so that workers which failed together do
/// not come back together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The wait before the next try.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        // Without randomness the waits are only less spread.
        let share = getrandom::u32().unwrap_or(u32::MAX);
        wait / 2 + (wait / 2).mul_f64(f64::from(share) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread_over_their_second_half() {
        let mut backoff = Backoff::default();

        let waits: Vec<Duration> = (0..10).map(|_| backoff.next()).collect();

        let mut whole = FIRST;
        for wait in waits {
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
            whole = (whole * 2).min(LONGEST);
        }
    }
}
