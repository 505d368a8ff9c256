//! Brings the tables of a file to the shape that this program knows.

use rusqlite::params;
use windlass_application::ports::StoreError;

use crate::connection::Connection;
use crate::error::store_error;

/// Every migration, in order. One that was released is never changed.
const MIGRATIONS: [(i64, &str); 1] = [(1, include_str!("../migrations/0001_first.sql"))];

/// The migrations that were done, each with its text.
const DONE: &str = "CREATE TABLE IF NOT EXISTS migration (
    version INTEGER NOT NULL PRIMARY KEY,
    statements TEXT NOT NULL
)";

/// Why tables cannot be brought to the shape that this program knows.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A migration was done that is not the one of its number that this program knows.
    #[error("migration {version} that was done is another one than this program has")]
    Another {
        /// Its number.
        version: i64,
    },
    /// One failed.
    #[error("a migration failed")]
    Failed(#[source] StoreError),
}

impl From<StoreError> for MigrateError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

/// Does what was not done, in one transaction that has the write lock from its start: a second process
/// that starts at the same moment waits, and then finds nothing to do. What a newer program did stays:
/// an old one that is started again works on its tables.
pub(crate) fn migrate(connection: &Connection) -> Result<(), MigrateError> {
    connection.step("BEGIN IMMEDIATE").map_err(store_error)?;
    let migrated = migrate_within(connection);
    // One that failed ends with its connection.
    migrated?;
    connection.step("COMMIT").map_err(store_error)?;
    Ok(())
}

fn migrate_within(connection: &Connection) -> Result<(), MigrateError> {
    connection.change(DONE, ())?;
    for (version, statements) in MIGRATIONS {
        let done: Option<String> = connection.value(
            "SELECT statements FROM migration WHERE version = ?",
            [version],
        )?;
        match done {
            Some(done) if done == statements => {}
            Some(_) => return Err(MigrateError::Another { version }),
            None => {
                connection.run(statements).map_err(store_error)?;
                connection.change(
                    "INSERT INTO migration (version, statements) VALUES (?, ?)",
                    params![version, statements],
                )?;
            }
        }
    }
    Ok(())
}
