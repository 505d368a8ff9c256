//! Rows of docs/performance.md: what is measured, and what it is held against.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;

use anyhow::Context;

use crate::{floor, http_tier, idle, memory, tier_alone, waits};

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Runs of one reading.
    pub runs: usize,
    /// Readings of each rate; the middle one counts.
    pub readings: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            runs: 4_000,
            readings: 3,
        }
    }
}

/// One thing to measure. It may give several figures, such as a rate and where the time went.
pub struct Row {
    /// What it is called by.
    pub name: &'static str,
    measure: fn(&Path, Size) -> Measuring<'_>,
}

type Measuring<'binary> =
    Pin<Box<dyn Future<Output = anyhow::Result<Vec<Figure>>> + Send + 'binary>>;

impl Row {
    /// Measures it on this binary.
    ///
    /// # Errors
    /// What it stands on does not start, or does not do what is measured.
    pub async fn measure(&self, binary: &Path, size: Size) -> anyhow::Result<Vec<Figure>> {
        let measured = (self.measure)(binary, size).await;
        measured.with_context(|| format!("failed to measure {}", self.name))
    }
}

/// All rows.
pub const ROWS: &[Row] = &[
    Row {
        name: "http-tier",
        measure: |binary, size| Box::pin(http_tier::measure(binary, size)),
    },
    Row {
        name: "tier-alone",
        measure: |_, size| Box::pin(tier_alone::measure(size)),
    },
    Row {
        name: "floor",
        measure: |_, size| Box::pin(floor::measure(size)),
    },
    Row {
        name: "session-memory",
        measure: |binary, size| Box::pin(memory::measure(binary, size)),
    },
    Row {
        name: "idle",
        measure: |binary, _| Box::pin(idle::measure(binary)),
    },
    Row {
        name: "waits",
        measure: |binary, size| Box::pin(waits::measure(binary, size)),
    },
];

/// What was measured. It shows as a row of a Markdown table.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub what: &'static str,
    /// How much it was, with its unit.
    pub measured: String,
    /// What it should be; None where it only explains another.
    pub target: Option<&'static str>,
    /// What stood and ran while it was measured.
    pub how: String,
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            measured,
            target,
            how,
        } = self;
        let target = target.unwrap_or("–");
        write!(formatter, "| {what} | {measured} | {target} | {how} |")
    }
}

/// The middle one of some readings; the lower of the two in the middle where they are even.
pub(crate) fn middle(mut readings: Vec<f64>) -> f64 {
    readings.sort_by(f64::total_cmp);
    let middle = readings.len().saturating_sub(1) / 2;
    readings.get(middle).copied().unwrap_or_default()
}

/// All readings, for a reader who wants to see how far they lie apart.
pub(crate) fn listed(readings: &[f64]) -> String {
    let shown: Vec<String> = readings.iter().map(|one| format!("{one:.0}")).collect();
    shown.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_reading_counts() {
        assert_eq!(middle(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(middle(vec![4.0, 1.0, 2.0, 3.0]), 2.0);
        assert_eq!(middle(Vec::new()), 0.0);
    }
}
