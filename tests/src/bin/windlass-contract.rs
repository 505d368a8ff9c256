//! `cargo xtask conformance`: checks a running server against the contract, and prints a table.

use std::process::ExitCode;

use anyhow::Context;
use windlass_tests::outside::{Outside, check, table};

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments
        .next()
        .context("the server's address is missing")?;
    // Not as an argument, which others on the machine can read.
    let key = std::env::var("WINDLASS_KEY").context("WINDLASS_KEY is not set")?;
    let lines = check(&Outside::new(&url, &key).await?).await;
    print!("{}", table(&lines));
    Ok(match lines.iter().all(|line| line.broken.is_none()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
