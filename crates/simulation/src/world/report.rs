//! What a history was, and what is broken in it on purpose.

use std::collections::BTreeMap;
use std::fmt;

use crate::store::Rules;

/// What is broken on purpose, to show that it is noticed.
#[derive(Clone, Copy, Default)]
pub struct Sabotage {
    /// The rules of the store.
    pub rules: Rules,
    /// Dispatchers say that they have sent what they are about to send.
    pub records_before_sending: bool,
    /// Replicas take no notice of idempotency keys.
    pub forgets_keys: bool,
}

/// What one seed was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which.
    pub seed: u64,
    /// How often something went on.
    pub steps: u64,
    /// A hash over all that happened, in its order.
    pub hash: u64,
    /// How often each thing went wrong, and some that did not.
    pub counts: BTreeMap<&'static str, u64>,
    /// How many runs ended how.
    pub runs: BTreeMap<String, u64>,
    /// How many decisions were checked.
    pub decisions: u64,
    /// How many events, and deliveries of them.
    pub events: (usize, usize),
}

/// A promise that a seed broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// By which history.
    pub seed: u64,
    /// Which, and how.
    pub promise: String,
    /// What happened last.
    pub last: Vec<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.last {
            writeln!(formatter, "  {line}")?;
        }
        writeln!(formatter, "seed {}: {}", self.seed, self.promise)?;
        write!(
            formatter,
            "again: WINDLASS_SIMULATION_SEED={} cargo xtask test -- -p windlass-simulation \
             --test seeds --no-capture",
            self.seed
        )
    }
}
