//! The log: the one place that installs a subscriber. Source: docs/operations.md, "Logs".

use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::Mutex;

use anyhow::Context;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::config::{LogConfig, LogFormat};

/// A log level, or one for each of some modules. What the library would take besides, such as the
/// name of a module alone, is mostly a level that is misspelt, and would log nothing.
///
/// # Errors
/// Which part is none.
pub(crate) fn levels(text: &str) -> Result<String, String> {
    for part in text.split(',') {
        let level = part.rsplit_once('=').map_or(part, |(_module, level)| level);
        if level.is_empty() || level.parse::<LevelFilter>().is_err() {
            return Err(format!(
                "{part:?} is no level; give error, warn, info, debug, trace or off, also per \
                 module as in info,windlass_worker=debug"
            ));
        }
    }
    Ok(text.to_owned())
}

/// Logs to standard error from now on.
///
/// # Errors
/// The level says nothing that can be understood.
pub(crate) fn to_standard_error(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log_level)
        .with_context(|| format!("failed to read the log level {:?}", config.log_level))?;
    let filter = filter.and(filter_fn(holds_no_message));
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match config.log_format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let installed = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
    installed.map_err(|error| anyhow::anyhow!("failed to start the log: {error}"))
}

/// Whether a line is none of those in which a library writes down whole messages, with the answers of
/// people in them. No level may show those.
fn holds_no_message(line: &Metadata<'_>) -> bool {
    let from_mcp = line.target() == "rmcp" || line.target().starts_with("rmcp::");
    !from_mcp || *line.level() == Level::ERROR
}

/// Logs to a file from now on, for a program that has the terminal for something else.
///
/// # Errors
/// Another log is installed already.
pub(crate) fn to_file(file: File) -> anyhow::Result<()> {
    fmt()
        .with_env_filter(EnvFilter::new("info"))
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .try_init()
        .map_err(|error| anyhow::anyhow!("failed to start the log: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_known_one() {
        for text in [
            "info",
            "WARN",
            "info,windlass_worker=debug",
            "off,windlass_api=trace",
        ] {
            assert_eq!(levels(text).as_deref(), Ok(text));
            assert!(EnvFilter::try_new(text).is_ok(), "{text}");
        }
        for text in [
            "nonsense",
            "info,windlass_worker",
            "windlass_worker=loud",
            "",
        ] {
            assert!(levels(text).is_err(), "{text}");
        }
    }
}
