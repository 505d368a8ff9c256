//! What a failure of PostgreSQL means to whoever asked the store.

use windlass_application::ports::{StoreError, WriteError};
pub(crate) use windlass_records::rows::{corrupt, read};

/// Classes of SQLSTATE after which the same call may succeed later: the connection failed, the
/// transaction was rolled back, resources are short, an operator or a timeout stepped in, the
/// system failed. Source: PostgreSQL's manual, "PostgreSQL Error Codes".
const PASSING_CLASSES: [&str; 5] = ["08", "40", "53", "57", "58"];

/// As these classes: a lock did not come in time, the transaction was idle for too long, the
/// server became one that only reads.
const PASSING_CODES: [&str; 3] = ["55P03", "25P03", "25006"];

/// Two transactions cannot both go on: a serialization failure, a deadlock.
const CONFLICTS: [&str; 2] = ["40001", "40P01"];

/// What a failure of PostgreSQL means. Its text stays in the cause, for the log.
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    let passes = match &error {
        sqlx::Error::Database(database) => database.code().is_some_and(|code| {
            PASSING_CLASSES.iter().any(|class| code.starts_with(class))
                || PASSING_CODES.contains(&code.as_ref())
        }),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
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

/// Whether the server said that it ends the connection, or said nothing at all: a statement that
/// was under way may have been done or not.
pub(crate) fn is_answer_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(database) => database
            .code()
            .is_some_and(|code| code.starts_with("08") || code.starts_with("57P")),
        _ => true,
    }
}

/// An error that may say that two transactions could not both go on.
pub(crate) trait MaybeConflict {
    /// Whether it says so: nothing was changed, and the same transaction may be run again at once.
    fn is_conflict(&self) -> bool;
}

impl MaybeConflict for StoreError {
    fn is_conflict(&self) -> bool {
        let Self::Unavailable(cause) = self else {
            return false;
        };
        let Some(sqlx::Error::Database(database)) = cause.downcast_ref() else {
            return false;
        };
        database
            .code()
            .is_some_and(|code| CONFLICTS.contains(&code.as_ref()))
    }
}

impl MaybeConflict for WriteError {
    fn is_conflict(&self) -> bool {
        match self {
            Self::Store(error) => error.is_conflict(),
            Self::NotFound
            | Self::IdTaken
            | Self::InUse { .. }
            | Self::ReferenceGone { .. }
            | Self::CredentialDeleted
            | Self::TooMuch { .. }
            | Self::Refused(_)
            | Self::Exceeded(_)
            | Self::IdempotencyKeyReused => false,
        }
    }
}
