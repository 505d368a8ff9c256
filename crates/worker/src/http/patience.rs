//! How long a content is sent again that does not arrive.

use std::time::{Duration, Instant};

/// Ends where no try has got further than one before for so long, and for as long besides as the longest
/// of them took: over a slow network another needs that much to come as far.
#[derive(Debug)]
pub(super) struct Patience {
    time: Duration,
    furthest: u64,
    /// When a try ended that had got further.
    since: Instant,
    began: Instant,
    longest: Duration,
}

impl Patience {
    pub(super) fn new(time: Duration, now: Instant) -> Self {
        Self {
            time,
            furthest: 0,
            since: now,
            began: now,
            longest: Duration::ZERO,
        }
    }

    pub(super) fn try_begins(&mut self, now: Instant) {
        self.began = now;
    }

    /// A try was in vain, after which the content has come so far: whether it was the last.
    pub(super) fn ends(&mut self, furthest: u64, now: Instant) -> bool {
        self.longest = self.longest.max(now - self.began);
        if furthest > self.furthest {
            (self.furthest, self.since) = (furthest, now);
        }
        now - self.since > self.time + self.longest
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Tries that take so many seconds each; how far they come; how many there are.
    #[rstest]
    #[case::no_further(10, |_| 7, 9)]
    #[case::no_further_over_a_slow_network(90, |_| 7, 3)]
    #[case::nowhere(10, |_| 0, 8)]
    #[case::further_and_further(90, |count| count, 100)]
    fn what_gets_no_further_ends(
        #[case] took: u64,
        #[case] far: fn(u64) -> u64,
        #[case] expected: u64,
    ) {
        let mut now = Instant::now();
        let mut patience = Patience::new(Duration::from_secs(60), now);

        let last = (1..=100).find(|count| {
            patience.try_begins(now);
            now += Duration::from_secs(took);
            patience.ends(far(*count), now)
        });

        assert_eq!(last.unwrap_or(100), expected);
    }
}
