//! The workspace keeps its arrows, and the rules see what they are for.

use std::collections::BTreeSet;

use super::{Crate, broken, broken_among};
use crate::place;

#[test]
fn every_crate_knows_only_whom_it_may() {
    let findings = broken().unwrap();

    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// Direct dependencies are read from the manifest; this looks behind them, since a library that
/// brings a runtime along would end the domain's purity as well.
#[test]
fn the_domain_stands_on_no_runtime_and_no_clock_of_others() {
    let output = place::cargo()
        .args(["tree", "--package", "windlass-domain", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"])
        .output()
        .unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    let below: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();

    assert!(
        below.contains("windlass-domain"),
        "cargo tree said: {listed}"
    );
    for impure in [
        "tokio",
        "mio",
        "socket2",
        "async-trait",
        "getrandom",
        "chrono",
        "libsqlite3-sys",
    ] {
        assert!(!below.contains(impure), "`domain` stands on `{impure}`");
    }
}

#[test]
fn a_handler_that_asks_the_database_is_told_where_queries_belong() {
    check(
        "windlass-api",
        "sqlx",
        &["`api` must not know `sqlx`: queries belong to a store"],
    );
}

#[test]
fn a_handler_that_names_an_adapter_is_told_who_chooses_it() {
    check(
        "windlass-api",
        "windlass-store-sqlite",
        &[
            "`api` must not know `store-sqlite`: a handler calls a use case or a port, and the \
           binary chooses the adapters",
        ],
    );
}

#[test]
fn a_rule_that_waits_is_refused() {
    check(
        "windlass-domain",
        "tokio",
        &["`domain` must not know `tokio`: pure rules do no I/O and wait for nothing"],
    );
}

#[test]
fn one_adapter_never_knows_another() {
    check(
        "windlass-store-sqlite",
        "windlass-vault",
        &[
            "`store-sqlite` must not know `vault`: an adapter knows its port, and never another \
           adapter",
        ],
    );
}

#[test]
fn a_conformance_suite_is_for_tests_even_in_the_binary() {
    check(
        "windlass",
        "windlass-conformance",
        &[
            "`windlass` must not know `conformance`: a conformance suite is for tests: \
           [dev-dependencies]",
        ],
    );
}

#[test]
fn a_crate_without_a_place_is_asked_for_one() {
    check(
        "windlass-newcomer",
        "serde",
        &[
            "`newcomer` has no place yet: give it one in xtask/src/arrows.rs and \
           docs/architecture.md",
        ],
    );
}

#[test]
fn arrows_that_point_inwards_are_kept() {
    check("windlass-store-sqlite", "windlass-records", &[]);
    check("windlass-store-sqlite", "rusqlite", &[]);
    check("windlass-events-webhook", "windlass-egress", &[]);
    check("windlass-api", "windlass-wire", &[]);
    check("windlass", "windlass-store-sqlite", &[]);
}

/// What is said of a workspace in which `name` knows `known` and nothing else is known.
#[track_caller]
fn check(name: &str, known: &str, expected: &[&str]) {
    let names = [
        "windlass",
        "windlass-api",
        "windlass-application",
        "windlass-conformance",
        "windlass-domain",
        "windlass-egress",
        "windlass-records",
        "windlass-store-sqlite",
        "windlass-vault",
        "windlass-wire",
    ];
    let others = names.iter().filter(|other| **other != name);
    let mut crates: Vec<Crate> = others
        .map(|other| Crate {
            name: (*other).to_owned(),
            knows: Vec::new(),
        })
        .collect();
    crates.push(Crate {
        name: name.to_owned(),
        knows: vec![known.to_owned()],
    });

    assert_eq!(broken_among(&crates), expected);
}
