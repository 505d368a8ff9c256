//! What is drawn in these tests, and how it is drawn again.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Repeats what was drawn in a failed test, as far as a clock lets it.
const SEED: &str = "WINDLASS_TEST_FAULTS_SEED";

/// An xorshift, which is chance enough for a moment to kill at.
pub(crate) struct Chance(u64);

impl Chance {
    /// Of the seed that is given, or of the present second. Prints it.
    pub(crate) fn seeded() -> anyhow::Result<Self> {
        let seed = match std::env::var(SEED) {
            Ok(given) => given.parse()?,
            Err(_) => SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
        };
        println!("{SEED}={seed}");
        // Of 0 would come nothing but 0.
        Ok(Self(seed.max(1)))
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    /// A length up to this one.
    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.below(1_000) as f64 / 1_000.0)
    }
}
