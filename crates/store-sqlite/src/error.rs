//! What a failure of SQLite means to whoever asked the store.

use rusqlite::ErrorCode;
use windlass_application::ports::StoreError;
pub(crate) use windlass_records::rows::{corrupt, read};

/// The file was closed.
#[derive(Debug, thiserror::Error)]
#[error("the database was closed")]
pub(crate) struct Closed;

/// A change shares its transaction with another that failed such that SQLite undid both.
#[derive(Debug, thiserror::Error)]
#[error("another change of the same commit failed")]
pub(crate) struct Undone;

/// Whether another connection has the lock.
pub(crate) fn is_locked(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// What a failure of SQLite means. Its text stays in the cause, for the log.
pub(crate) fn store_error(error: rusqlite::Error) -> StoreError {
    if error.sqlite_error_code().is_some_and(passes) {
        StoreError::Unavailable(Box::new(error))
    } else {
        StoreError::Failed(Box::new(error))
    }
}

/// Whether the same call may succeed later. Source: <https://www.sqlite.org/rescode.html>.
fn passes(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::SystemIoFailure
            | ErrorCode::DiskFull
            | ErrorCode::CannotOpen
    )
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn failure_of(statement: &str) -> StoreError {
        let connection = Connection::open_in_memory().expect("a database in memory");
        connection
            .execute_batch("CREATE TABLE small (content BLOB); PRAGMA max_page_count = 2")
            .expect("a small database");
        let failed = connection.execute(statement, []);
        store_error(failed.expect_err("it fails"))
    }

    #[test]
    fn a_full_disk_may_have_room_later() {
        let error = failure_of("INSERT INTO small VALUES (zeroblob(100000))");

        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }

    #[test]
    fn a_wrong_statement_stays_wrong_and_is_not_shown() {
        let error = failure_of("SELECT password FROM nowhere");

        assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
        assert_eq!(error.to_string(), "the store failed");
    }
}
