//! `windlass`: the binary. It reads the command line, chooses the adapters, and wires them.

use std::num::NonZero;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Parser;
use mimalloc::MiMalloc;
use tokio::runtime::Builder;

mod address;
mod audit;
mod background;
mod command_line;
mod config;
mod data_folder;
mod demo;
mod embedded;
mod first_start;
mod keys;
mod log;
#[cfg(feature = "mcp")]
mod mcp;
mod operator;
mod organizations;
mod playbook;
mod playbook_rules;
mod replica;
mod serve;
mod server;
mod source_config;
mod stop_signal;
mod store;
mod table;
mod tls;
mod vault;
mod wiring;
mod work;

use command_line::{Command, CommandLine};
use stop_signal::StopSignal;

/// Pages are parsed on one thread and runs are kept on another: the system's allocator takes longer
/// for them. Source: docs/decisions/0030-an-allocator-of-our-own.md.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// How long the end waits for what blocks a thread, such as somebody who is asked at a terminal.
const LAST_WAIT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let command = CommandLine::parse().command;
    match start(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(command: Command) -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("another crypto provider is installed than ring"))?;
    // One core less than there are, for the thread of the store that writes: one more that has nothing to
    // do would only be woken and put to sleep.
    let runtime = Builder::new_multi_thread()
        .worker_threads(cores().saturating_sub(1).max(1))
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    let outcome = runtime.block_on(run(command));
    runtime.shutdown_timeout(LAST_WAIT);
    outcome
}

/// How many cores this process may use; one where nobody knows.
fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

async fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Serve(arguments) => Box::pin(serve::run(&arguments)).await,
        Command::Work(arguments) => Box::pin(work::run(arguments)).await,
        Command::Keys(arguments) => Box::pin(keys::run(arguments)).await,
        Command::Organizations(arguments) => Box::pin(organizations::run(arguments)).await,
        Command::Audit(arguments) => Box::pin(audit::run(arguments)).await,
        Command::Vault(arguments) => Box::pin(vault::run(arguments)).await,
        Command::Playbook(arguments) => playbook::run(&arguments),
        #[cfg(feature = "mcp")]
        Command::Mcp(arguments) => Box::pin(mcp::run(arguments)).await,
        Command::Demo(arguments) => {
            let stop = StopSignal::listen()?;
            Box::pin(demo::run(&arguments, &stop)).await
        }
    }
}
