//! The bench as a program: measures the rows that are asked for, and prints them as a table.

use std::path::PathBuf;

use clap::Parser;
use windlass_bench::{ROWS, Size, machine};

/// Measures the built binary on this machine, over loopback.
#[derive(Debug, Parser)]
struct Arguments {
    /// The binary to measure.
    #[arg(long)]
    binary: PathBuf,

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

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let size = Size {
        runs: arguments.runs,
        readings: arguments.readings.max(1),
    };
    println!("{}\n", machine(&arguments.binary));
    println!("| row | measured | target | how |\n|---|---|---|---|");
    for row in ROWS {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|only| only == row.name) {
            continue;
        }
        for figure in row.measure(&arguments.binary, size).await? {
            println!("{figure}");
        }
    }
    Ok(())
}
