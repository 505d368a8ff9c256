//! The project's chores: `cargo xtask test` and `cargo xtask ci`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod arrows;
mod checks;
mod dependencies;
mod place;
mod steps;
mod tests;
mod tidy;

/// Chores of the workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Runs every test: documentation examples, units, adapters and the built binary as a whole.
    Test {
        /// Handed on to cargo-nextest (or to cargo test, where nextest is not installed). They
        /// narrow the run, so documentation examples are left out then.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Checks everything that can be checked without running a test.
    Ci,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Test { arguments } => tests::run(&arguments),
        Chore::Ci => checks::run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
