//! The project's chores: `cargo xtask test`, `cargo xtask services`, `cargo xtask ci`,
//! `cargo xtask openapi`, `cargo xtask conformance`, `cargo xtask bench` and `cargo xtask fuzz`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod arrows;
mod bench;
mod checks;
mod conformance;
mod dependencies;
mod fuzz;
mod openapi;
mod place;
mod services;
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
    /// PostgreSQL and Redis for tests that are started otherwise, by an editor or by cargo.
    Services {
        #[command(subcommand)]
        what: ServicesChore,
    },
    /// Checks everything that can be checked without running a test.
    Ci,
    /// Writes what is made from the code: docs/openapi.json, and the tables of errors of docs/api.md.
    Openapi {
        /// Fails where something else is checked in, and writes nothing.
        #[arg(long)]
        check: bool,
    },
    /// Measures the binary in a release build, and prints rows of docs/performance.md.
    Bench {
        /// The cargo profile: `profiling` builds faster, and a profiler can read it.
        #[arg(long, default_value = "release")]
        profile: String,
        /// Handed on to the bench: --only ROW,ROW --runs N --readings N.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Checks a running server, whoever's it is, against the contract, and prints a table. What it
    /// makes there it deletes; runs that it starts it cancels.
    Conformance {
        /// Where the API is served, such as http://localhost:8080.
        #[arg(long)]
        url: String,
        /// A key that reaches everything.
        #[arg(long, env = "WINDLASS_KEY", hide_env_values = true)]
        key: String,
    },
    /// Feeds the parsers of outside input with what libFuzzer finds; see docs/testing.md.
    Fuzz {
        /// One of fuzz/fuzz_targets; all of them, one after the other, where it is left out.
        target: Option<String>,
        /// For how long, each.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
}

#[derive(Debug, Subcommand)]
enum ServicesChore {
    /// Starts both, and prints their variables: eval "$(cargo xtask services up)". `cargo xtask test`
    /// uses them while they are up.
    Up,
    /// Stops both, and removes what they kept.
    Down,
    /// What `up` and `test` start: keeps servers until they are not wanted any more.
    #[command(hide = true)]
    Keep { name: String, wanted: Vec<String> },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Test { arguments } => tests::run(&arguments),
        Chore::Services { what } => match what {
            ServicesChore::Up => services::up(),
            ServicesChore::Down => services::down(),
            ServicesChore::Keep { name, wanted } => services::keeper::keep(&name, &wanted),
        },
        Chore::Ci => checks::run(),
        Chore::Conformance { url, key } => conformance::run(&url, &key),
        Chore::Openapi { check } => openapi::run(check),
        Chore::Bench { profile, arguments } => bench::run(&profile, &arguments),
        Chore::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
