//! The log: the one place that installs a subscriber. Source: docs/operations.md, "Logs".

use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::Mutex;

use anyhow::Context;
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Logs to standard error from now on.
///
/// # Errors
/// The level says nothing that can be understood.
pub(crate) fn to_standard_error(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_level)
        .with_context(|| format!("failed to read the log level {:?}", config.log_level))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    let installed = match config.log_format {
        LogFormat::Text => subscriber.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| anyhow::anyhow!("failed to start the log: {error}"))
}

/// Logs to a file from now on, for a program that has the terminal for something else.
///
/// # Errors
/// Another log is installed already.
pub(crate) fn to_file(file: File) -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("info"))
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .try_init()
        .map_err(|error| anyhow::anyhow!("failed to start the log: {error}"))
}
