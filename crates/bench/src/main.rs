//! The bench as a program: measures the rows that are asked for, and prints them as a table.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Parser, Subcommand};
use windlass_bench::{NoOpWorker, Programs, ROWS, Size, machine};

/// Measures the built binary on this machine, over loopback.
#[derive(Debug, Parser)]
#[command(subcommand_negates_reqs = true, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,

    /// The binary to measure.
    #[arg(long, required = true)]
    binary: Option<PathBuf>,

    /// The rows to measure, by name; left out, all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,

    /// Runs of one reading.
    #[arg(long, default_value_t = Size::default().runs)]
    runs: usize,

    /// Readings of each row; the middle one counts.
    #[arg(long, default_value_t = Size::default().readings)]
    readings: usize,
}

/// What the bench is when it has started itself.
#[derive(Debug, Subcommand)]
enum Role {
    /// A worker whose agent has nothing to do.
    #[command(hide = true)]
    NoOpWorker(NoOpWorker),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Role::NoOpWorker(worker)) = arguments.role {
        return worker.work().await;
    }
    let programs = Programs {
        windlass: arguments.binary.context("no binary is named")?,
        bench: std::env::current_exe()?,
    };
    let size = Size {
        runs: arguments.runs,
        readings: arguments.readings.max(1),
    };
    println!("{}\n", machine(&programs.windlass));
    println!("| row | measured | target | how |\n|---|---|---|---|");
    for row in ROWS {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|only| only == row.name) {
            continue;
        }
        for figure in row.measure(&programs, size).await? {
            println!("{figure}");
        }
    }
    Ok(())
}
