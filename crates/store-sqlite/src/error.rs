//! What a failure of SQLite means to whoever asked the store.

use std::fmt;

use windlass_application::ports::StoreError;

/// Primary result codes after which the same call may succeed later: busy, locked, out of memory,
/// interrupted, I/O error, disk full, cannot open. Source: <https://www.sqlite.org/rescode.html>.
const PASSING: [i32; 7] = [5, 6, 7, 9, 10, 13, 14];

/// What a failure of SQLite means. Its text stays in the cause, for the log.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let passes = match &error {
        sqlx::Error::Database(database) => database
            .code()
            .and_then(|code| code.parse::<i32>().ok())
            // The low byte of an extended code is the primary one.
            .is_some_and(|code| PASSING.contains(&(code & 0xff))),
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        _ => false,
    };
    if passes {
        StoreError::Unavailable(Box::new(error))
    } else {
        StoreError::Failed(Box::new(error))
    }
}

/// A row that breaks a rule that it was written under.
pub(crate) fn corrupt(
    table: &'static str,
    row: &dyn fmt::Display,
    rule: &dyn fmt::Display,
) -> StoreError {
    StoreError::Corrupt {
        table,
        row: row.to_string(),
        rule: rule.to_string(),
    }
}
