//! Rows of docs/performance.md: what is measured, and what it is held against.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use anyhow::Context;

use crate::{drain, floor, http_tier, idle, memory, pick_up, tier_alone, waits};

/// The programs that take part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// What is measured.
    pub windlass: PathBuf,
    /// The bench itself, which is started again where a row needs other processes beside the server.
    pub bench: PathBuf,
}

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
    measure: fn(&Programs, Size) -> Measuring<'_>,
}

type Measuring<'programs> =
    Pin<Box<dyn Future<Output = anyhow::Result<Vec<Figure>>> + Send + 'programs>>;

impl Row {
    /// Measures it with these programs.
    ///
    /// # Errors
    /// What it stands on does not start, or does not do what is measured.
    pub async fn measure(&self, programs: &Programs, size: Size) -> anyhow::Result<Vec<Figure>> {
        let measured = (self.measure)(programs, size).await;
        measured.with_context(|| format!("failed to measure {}", self.name))
    }
}

/// All rows.
pub const ROWS: &[Row] = &[
    Row {
        name: "http-tier",
        measure: |programs, size| Box::pin(http_tier::measure(&programs.windlass, size)),
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
        name: "pick-up",
        measure: |programs, size| Box::pin(pick_up::measure(&programs.windlass, size)),
    },
    Row {
        name: "drain",
        measure: |programs, size| Box::pin(drain::measure(programs, size)),
    },
    Row {
        name: "session-memory",
        measure: |programs, size| Box::pin(memory::measure(&programs.windlass, size)),
    },
    Row {
        name: "idle",
        measure: |programs, _| Box::pin(idle::measure(&programs.windlass)),
    },
    Row {
        name: "waits",
        measure: |programs, size| Box::pin(waits::measure(&programs.windlass, size)),
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

/// The middle one of many, and the quickest of the hundredth part that took longest: p50 and p99.
pub(crate) fn middle_and_slowest(mut took: Vec<f64>) -> [f64; 2] {
    took.sort_by(f64::total_cmp);
    let at = |hundredths: usize| {
        let place = (took.len() * hundredths / 100).min(took.len().saturating_sub(1));
        took.get(place).copied().unwrap_or_default()
    };
    [at(50), at(99)]
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

    #[test]
    fn one_in_a_hundred_took_as_long_as_the_slowest_or_longer() {
        let took: Vec<f64> = (0..200).map(f64::from).rev().collect();

        assert_eq!(middle_and_slowest(took), [100.0, 198.0]);
        assert_eq!(middle_and_slowest(vec![7.0]), [7.0, 7.0]);
        assert_eq!(middle_and_slowest(Vec::new()), [0.0, 0.0]);
    }
}
