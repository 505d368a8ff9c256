//! What a failure of SQLite means to whoever asked the store.

use sqlx::error::DatabaseError;
use windlass_application::ports::StoreError;
pub(crate) use windlass_records::rows::{corrupt, read};

/// Primary result codes after which the same call may succeed later: busy, locked, out of memory,
/// interrupted, I/O error, disk full, cannot open. Source: <https://www.sqlite.org/rescode.html>.
const PASSING: [i32; 7] = [5, 6, 7, 9, 10, 13, 14];

/// The primary result code where another connection has the lock.
const BUSY: i32 = 5;

/// Whether another connection has the lock.
pub(crate) fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(database) if primary_code(database.as_ref()) == Some(BUSY))
}

/// What a failure of SQLite means. Its text stays in the cause, for the log.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let passes = match &error {
        sqlx::Error::Database(database) => {
            primary_code(database.as_ref()).is_some_and(|code| PASSING.contains(&code))
        }
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

fn primary_code(error: &dyn DatabaseError) -> Option<i32> {
    let code = error.code()?.parse::<i32>().ok()?;
    // The low byte of an extended code is the primary one.
    Some(code & 0xff)
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, Executor, SqliteConnection};

    use super::*;

    async fn failure_of(statement: &'static str) -> StoreError {
        let mut connection = SqliteConnection::connect("sqlite::memory:")
            .await
            .expect("a database in memory");
        connection
            .execute("CREATE TABLE small (content BLOB); PRAGMA max_page_count = 2")
            .await
            .expect("a small database");
        let failed = connection.execute(statement).await;
        store_error(failed.expect_err("it fails"))
    }

    #[tokio::test]
    async fn a_full_disk_may_have_room_later() {
        let error = failure_of("INSERT INTO small VALUES (zeroblob(100000))").await;

        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }

    #[tokio::test]
    async fn a_wrong_statement_stays_wrong_and_is_not_shown() {
        let error = failure_of("SELECT password FROM nowhere").await;

        assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
        assert_eq!(error.to_string(), "the store failed");
    }

    #[test]
    fn a_busy_pool_is_free_later() {
        let error = store_error(sqlx::Error::PoolTimedOut);

        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
}
