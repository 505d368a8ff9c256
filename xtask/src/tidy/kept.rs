//! The workspace is tidy, and each rule sees what it is for.

use super::{MOST_LINES, missing_pages, untidy, untidy_source};

#[test]
fn every_source_file_is_tidy() {
    let findings = untidy().unwrap();

    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn a_file_that_does_not_say_what_it_is_for_is_named() {
    check(
        "crates/api/src/runs.rs",
        "use std::fmt;\n",
        &["crates/api/src/runs.rs: begin with a `//!` sentence on what the file is for"],
    );
}

#[test]
fn a_silenced_lint_is_found_in_code_and_not_in_comments() {
    let silenced = concat!(
        "//! Runs.\n// #[",
        "allow(dead_code)]\n#[",
        "allow(dead_code)]\n"
    );

    let findings = untidy_source("crates/api/src/runs.rs", silenced);

    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(
        findings[0].starts_with("crates/api/src/runs.rs:3: "),
        "{findings:?}"
    );
}

#[test]
fn the_domain_reads_no_clock_but_others_may() {
    let clock = "//! Time.\nlet now = SystemTime::now();\n";

    check(
        "crates/domain/src/time.rs",
        clock,
        &[
            "crates/domain/src/time.rs:2: `SystemTime` in the domain, which reads no clock and does \
           no I/O",
        ],
    );
    check("crates/application/src/time.rs", clock, &[]);
}

#[test]
fn a_module_without_a_concept_is_named() {
    for path in ["crates/api/src/utils.rs", "crates/api/src/utils/mod.rs"] {
        let findings = untidy_source(path, "//! Things.\n");

        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("name the concept"), "{findings:?}");
    }
}

#[test]
fn a_file_of_several_concepts_is_named() {
    let long = "//! Everything.\n".repeat(MOST_LINES + 1);

    let findings = untidy_source("crates/api/src/runs.rs", &long);

    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].contains("601 lines"), "{findings:?}");
}

#[test]
fn a_page_that_is_not_there_cannot_be_cited() {
    // In pieces, since this file is read too.
    let gone = concat!("docs/", "gone.md");
    let text = format!("//! Source: docs/lifecycle.md, \"Clocks\".\n//! See {gone}.\n");

    let findings = missing_pages("a.rs", &text, |page| page == "docs/lifecycle.md");

    assert_eq!(
        findings,
        [format!("a.rs:2: cites {gone}, which is not there")]
    );
}

#[track_caller]
fn check(path: &str, text: &str, expected: &[&str]) {
    assert_eq!(untidy_source(path, text), expected);
}
