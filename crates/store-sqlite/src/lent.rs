//! The connection that writes, lent to one change.

use std::sync::Arc;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::oneshot;
use windlass_application::ports::StoreError;

use crate::error::store_error;
use crate::pending::{Binding, Pending};
use crate::writer::closed;

/// The connection, inside a transaction, for one change. Dropped, that change is undone.
///
/// The transaction may hold other changes, so that this one stands behind a savepoint of its own: it is
/// opened with the first statement that may write. What follows is the writer's, which nobody breaks off.
pub(crate) struct Lent {
    /// There until it is given back.
    connection: Option<SqliteConnection>,
    back: Option<oneshot::Sender<Returned>>,
    pending: Pending,
    is_apart: bool,
    has_sent: bool,
}

/// The connection, and what became of the change.
pub(crate) struct Returned {
    pub(crate) connection: SqliteConnection,
    /// What is still to be written of it, and whom to tell that it is kept; nobody, where it is undone.
    pub(crate) kept: Option<(Pending, Answer)>,
    /// Whether its savepoint is open.
    pub(crate) is_apart: bool,
}

/// Told once it is known whether a change is kept.
pub(crate) type Answer = oneshot::Sender<Result<(), NotKept>>;

/// Why a change is not kept.
#[derive(Debug)]
pub(crate) enum NotKept {
    /// It could not be written.
    Itself(sqlx::Error),
    /// It was undone with all others of its commit.
    WithOthers(Arc<sqlx::Error>),
}

impl Lent {
    /// Lends the connection; what is returned says when it is back.
    pub(crate) fn lend(connection: SqliteConnection) -> (Self, oneshot::Receiver<Returned>) {
        let (back, returned) = oneshot::channel();
        let lent = Self {
            connection: Some(connection),
            back: Some(back),
            pending: Pending::default(),
            is_apart: false,
            has_sent: false,
        };
        (lent, returned)
    }

    /// Adds a statement that changes rows and brings nothing back. It is sent with those after it, before
    /// anything is read or kept.
    pub(crate) fn then(&mut self, statement: &'static str) -> Binding<'_> {
        self.set_apart();
        self.pending.add(statement)
    }

    /// Adds a statement that reads, for [`Self::read`].
    pub(crate) fn ask(&mut self, statement: &'static str) -> Binding<'_> {
        self.pending.add(statement)
    }

    /// Sends what was added, and answers the rows of the last `count` statements.
    pub(crate) async fn read(&mut self, count: usize) -> Result<Vec<Vec<SqliteRow>>, StoreError> {
        let mut rows = self.send().await?;
        Ok(rows.split_off(rows.len().saturating_sub(count)))
    }

    /// Where statements go whose outcome is asked for.
    pub(crate) async fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.set_apart();
        self.send().await?;
        Ok(self.lent())
    }

    async fn send(&mut self) -> Result<Vec<Vec<SqliteRow>>, StoreError> {
        let mut pending = std::mem::take(&mut self.pending);
        self.has_sent |= self.is_apart;
        pending.send(self.lent()).await.map_err(store_error)
    }

    fn set_apart(&mut self) {
        if !self.is_apart {
            self.is_apart = true;
            // In front of what is only read, too: then it is there whatever becomes of the others.
            self.pending.put_first("SAVEPOINT change");
        }
    }

    fn lent(&mut self) -> &mut SqliteConnection {
        let connection = self.connection.as_mut();
        connection.expect("only `keep` and `drop`, which end this value, take it out")
    }

    /// Keeps the change: answers once it is on the disk.
    pub(crate) async fn keep(mut self) -> Result<(), StoreError> {
        let (kept, on_disk) = oneshot::channel();
        let pending = std::mem::take(&mut self.pending);
        self.give_back(self.is_apart, Some((pending, kept)));
        match on_disk.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(NotKept::Itself(error))) => Err(store_error(error)),
            Ok(Err(NotKept::WithOthers(error))) => Err(StoreError::Unavailable(Box::new(error))),
            Err(_) => Err(closed()),
        }
    }

    fn give_back(&mut self, is_apart: bool, kept: Option<(Pending, Answer)>) {
        if let (Some(connection), Some(back)) = (self.connection.take(), self.back.take()) {
            // Where nobody takes it the store is gone, and the transaction with its connection.
            drop(back.send(Returned {
                connection,
                kept,
                is_apart,
            }));
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // A savepoint that was never sent is not there.
        self.give_back(self.has_sent, None);
    }
}
