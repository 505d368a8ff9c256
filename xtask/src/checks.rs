//! `cargo xtask ci`: everything that can be checked without running a test.
//!
//! The quick and likely ones come first. `.ci/run` runs the tests after it.

use std::process::Command;

use anyhow::{Context, bail};

use crate::steps::Steps;
use crate::{arrows, dependencies, place, tidy};

/// Runs every check, up to the first that fails.
///
/// # Errors
/// What the first failing check says.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::default();
    steps.run("format", place::cargo().args(["fmt", "--all", "--check"]))?;
    steps.call("arrows between crates", || all_kept(&arrows::broken()?))?;
    steps.call("tidy sources", || all_kept(&tidy::untidy()?))?;
    // Once and for every platform, since the dependency check reads manifests of all of them.
    steps.run(
        "fetch dependencies",
        place::cargo().args(["fetch", "--locked"]),
    )?;
    steps.run(
        "clippy",
        place::cargo()
            .args(["clippy", "--locked", "--workspace", "--all-targets"])
            .args(["--", "-D", "warnings"]),
    )?;
    steps.run(
        "documentation",
        place::cargo()
            .args([
                "doc",
                "--locked",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    for combination in feature_combinations()? {
        steps.run(
            &format!("features: {}", combination.name),
            &mut combination.command(),
        )?;
    }
    dependencies::check(&mut steps)
}

fn all_kept(findings: &[String]) -> anyhow::Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    for finding in findings {
        eprintln!("{finding}");
    }
    bail!("{} rule(s) broken, named above", findings.len())
}

/// The binary with some of its features. The default ones are what clippy has checked already.
struct FeatureCombination {
    name: String,
    arguments: Vec<String>,
}

impl FeatureCombination {
    fn new(name: &str, arguments: &[&str]) -> Self {
        let arguments = arguments
            .iter()
            .map(|argument| (*argument).to_owned())
            .collect();
        Self {
            name: name.to_owned(),
            arguments,
        }
    }

    /// Clippy, since it makes warnings errors without building the dependencies anew. Over the whole
    /// workspace with its tests, as before, so that every dependency keeps its features and is not
    /// checked once more for each combination: of our packages only the binary has some.
    fn command(&self) -> Command {
        let mut command = place::cargo();
        command.args(["clippy", "--locked", "--workspace", "--all-targets"]);
        command.args(&self.arguments).args(["--", "-D", "warnings"]);
        command
    }
}

/// None, each store alone, all. Nothing where the binary has no features.
fn feature_combinations() -> anyhow::Result<Vec<FeatureCombination>> {
    let metadata = place::manifests()?;
    let binary = metadata
        .packages
        .iter()
        .find(|package| package.name.as_str() == "windlass")
        .context("failed to find the package windlass")?;
    if binary.features.is_empty() {
        return Ok(Vec::new());
    }
    let mut combinations = vec![FeatureCombination::new("none", &["--no-default-features"])];
    for store in ["sqlite", "postgres"] {
        if binary.features.contains_key(store) {
            combinations.push(FeatureCombination::new(
                &format!("{store} alone"),
                &[
                    "--no-default-features",
                    "--features",
                    &format!("windlass/{store}"),
                ],
            ));
        }
    }
    combinations.push(FeatureCombination::new("all", &["--all-features"]));
    Ok(combinations)
}
