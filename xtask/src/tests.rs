//! `cargo xtask test`: the one test command.
//!
//! The system tests start the binary as a user does. It is built once, here, and its path goes to
//! them in `WINDLASS_TEST_BINARY`, and that of the example of a worker in `WINDLASS_TEST_WORKER`. The addresses of PostgreSQL and Redis go to all tests.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::place;
use crate::services::Services;
use crate::steps::Steps;

const BINARY: &str = "WINDLASS_TEST_BINARY";
const WORKER: &str = "WINDLASS_TEST_WORKER";

/// The example of a worker, which the tests run beside the binary.
const EXAMPLE: &str = "windlass-worker-rust";

/// Runs every test, or with `arguments` the ones that they choose.
///
/// The tests come last, after the summary of what led to them, so that the last lines are the
/// runner's own count.
///
/// # Errors
/// When something does not build, or a test fails.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (binary, worker) = (built("windlass")?, built(EXAMPLE)?);
    let nextest = is_installed("nextest");
    let mut services = {
        let mut steps = Steps::default();
        steps.run(
            "build the binaries",
            place::cargo().args([
                "build",
                "--locked",
                "--package",
                "windlass",
                "--package",
                EXAMPLE,
            ]),
        )?;
        if !arguments.is_empty() {
            eprintln!("\nDocumentation examples are left out: the arguments narrow the run.");
        } else if nextest {
            // nextest does not run them; cargo test below does.
            steps.run(
                "documentation examples",
                place::cargo().args(["test", "--locked", "--doc", "--workspace"]),
            )?;
        }
        steps.call("start what the tests stand on", Services::for_tests)?
    };
    let mut tests = if nextest {
        nextest_command()
    } else {
        cargo_test_command()
    };
    tests
        .args(arguments)
        .env(BINARY, binary)
        .env(WORKER, worker);
    tests.envs(services.variables.clone());
    let status = services.run(&mut tests)?;
    services.stop()?;
    anyhow::ensure!(
        status.success(),
        "tests failed: {tests:?} ended with {status}"
    );
    Ok(())
}

fn nextest_command() -> Command {
    let mut command = place::cargo();
    command.args(["nextest", "run", "--locked", "--workspace"]);
    // Everywhere that runs tests for others sets it: .ci/run does, and so do hosted runners.
    if std::env::var_os("CI").is_some() {
        command.args(["--profile", "ci"]);
    }
    command
}

fn cargo_test_command() -> Command {
    eprintln!("cargo-nextest is not installed: cargo test runs the tests instead.");
    let mut command = place::cargo();
    command.args(["test", "--locked", "--workspace"]);
    command
}

/// Where the build above puts a binary.
fn built(name: &str) -> anyhow::Result<PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    Ok(place::target()?.join("debug").join(name))
}

/// Whether cargo knows this subcommand.
pub(crate) fn is_installed(subcommand: &str) -> bool {
    place::cargo()
        .args([subcommand, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
