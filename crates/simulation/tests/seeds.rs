//! Every seed keeps every promise, and is one history.

use std::collections::BTreeMap;
use std::env;

use windlass_simulation::{Report, Sabotage, play};

/// How many seeds are played where nobody says otherwise.
const SEEDS: u64 = 500;

/// `WINDLASS_SIMULATION_SEED=123` plays that one alone and prints it;
/// `WINDLASS_SIMULATION_SEEDS=20000` plays so many.
#[test]
fn every_seed_keeps_every_promise() {
    let one = number("WINDLASS_SIMULATION_SEED");
    let seeds = match one {
        Some(seed) => seed..=seed,
        None => 1..=number("WINDLASS_SIMULATION_SEEDS").unwrap_or(SEEDS),
    };
    let mut reports = Vec::new();
    for seed in seeds {
        match play(seed, Sabotage::default(), one.is_some()) {
            Ok(report) => reports.push(report),
            Err(broken) => panic!("{broken}"),
        }
    }
    print(&reports);
}

#[test]
fn a_seed_is_one_history() {
    for seed in [1, 77, 499] {
        let first = play(seed, Sabotage::default(), false);
        let second = play(seed, Sabotage::default(), false);

        assert_eq!(first, second);
    }
    let hash = |seed| play(seed, Sabotage::default(), false).map(|report| report.hash);
    assert_ne!(hash(1), hash(2), "another seed is another history");
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number; it is `{text}`")),
    )
}

fn print(reports: &[Report]) {
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for report in reports {
        let faults = report
            .counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), count));
        let runs = report
            .runs
            .iter()
            .map(|(name, count)| (format!("runs {name}"), count));
        for (name, count) in faults.chain(runs) {
            *counts.entry(name).or_default() += count;
        }
    }
    println!(
        "{} seeds, {} steps, {} decisions, {} events, {} deliveries",
        reports.len(),
        sum(|report| report.steps),
        sum(|report| report.decisions),
        sum(|report| report.events.0 as u64),
        sum(|report| report.events.1 as u64),
    );
    for (name, count) in counts {
        println!("{count:>9} {name}");
    }
}
