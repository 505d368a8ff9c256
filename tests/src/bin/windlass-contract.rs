//! `cargo xtask conformance`: checks a running server against the contract, and prints a table.

use std::process::ExitCode;

use anyhow::Context;
use windlass_tests::outside::{Line, Outside, Table, check, summary};

/// The exit status where nothing could be checked.
const UNCHECKED: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    match checked().await {
        Ok(lines) => {
            println!("{}", summary(&lines));
            match lines.iter().all(|line| line.broken.is_none()) {
                true => ExitCode::SUCCESS,
                false => ExitCode::FAILURE,
            }
        }
        Err(error) => {
            eprintln!("error: nothing was checked: {error:#}");
            ExitCode::from(UNCHECKED)
        }
    }
}

async fn checked() -> anyhow::Result<Vec<Line>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .context("the server's address is missing")?;
    // Not as an argument, which others on the machine can read.
    let key = std::env::var("WINDLASS_KEY").context("WINDLASS_KEY is not set")?;
    let server = Outside::new(&url, &key).await?;
    let mut table = Table::default();
    Ok(check(&server, |line| print!("{}", table.line(line))).await)
}
