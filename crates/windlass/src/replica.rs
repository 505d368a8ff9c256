//! The name of this replica, by which its embedded worker is known.
//! Source: docs/operations.md, "Several replicas".

use std::fs;
use std::process::Command;

use anyhow::{Context, anyhow};
use windlass_worker::WorkerError;

use crate::address::Database;

/// The embedded worker's name where one server uses a database: nobody else has it, and it stays the
/// same where the machine gets another name, as a container does at each start.
const ALONE: &str = "embedded";

/// Where Linux tells the machine's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// The configured name, or the one that goes with the database.
///
/// # Errors
/// It is to be the host's name, which cannot be read.
pub(crate) fn name(configured: Option<&str>, database: &Database) -> anyhow::Result<String> {
    match (configured, database) {
        (Some(name), _) => Ok(name.to_owned()),
        (None, Database::Sqlite(_)) => Ok(ALONE.to_owned()),
        (None, Database::Postgres(_)) => {
            host_name().context("failed to read the host's name: give one by --replica-name")
        }
    }
}

/// Why the embedded worker ended, and what is to be done where another server has its name.
pub(crate) fn explained(error: WorkerError) -> anyhow::Error {
    match error {
        WorkerError::Superseded { name } => anyhow!(
            "another server has started as the replica {name:?}: servers that share a database need \
             names of their own (--replica-name)"
        ),
        WorkerError::Refused { .. } => error.into(),
    }
}

/// What the machine is called.
///
/// # Errors
/// It cannot be asked.
pub(crate) fn host_name() -> anyhow::Result<String> {
    let name = match fs::read_to_string(HOST_NAME) {
        Ok(name) => name,
        // Not Linux.
        Err(_) => String::from_utf8(Command::new("hostname").output()?.stdout)?,
    };
    let name = name.trim();
    anyhow::ensure!(!name.is_empty(), "it is empty");
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_is_named_after_its_host_unless_it_is_alone_or_has_a_name() {
        let postgres = "postgres://localhost/windlass".parse().unwrap();
        let sqlite = "sqlite:windlass.db".parse().unwrap();
        let host = host_name().unwrap();

        assert_eq!(name(None, &postgres).unwrap(), host);
        assert_eq!(name(None, &sqlite).unwrap(), "embedded");
        for database in [&postgres, &sqlite] {
            assert_eq!(name(Some("blue"), database).unwrap(), "blue");
        }
    }
}
