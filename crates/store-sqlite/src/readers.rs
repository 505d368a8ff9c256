//! The connections that read. Each sees what was committed before it began, and none waits for the
//! writer.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Sqlite, Transaction};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::warn;
use windlass_application::ports::StoreError;

use crate::error::store_error;

/// How many read at the same time. More than the cores that a small machine has would only take turns.
const MOST: u32 = 4;

/// How long a read waits for a connection until the store cannot answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lends connections that read. `sqlx`'s pool would do so as well, but asks each connection that comes back
/// whether it is alive: a second way to its thread for each read, and a file does not hang up.
pub(crate) struct Readers {
    options: SqliteConnectOptions,
    turns: Semaphore,
    /// The one that was used last is lent first: what it needs is still in the processor's caches.
    idle: Mutex<Vec<SqliteConnection>>,
}

/// A connection that reads, lent until it is dropped.
pub(crate) struct Reader<'readers> {
    /// There until it is given back.
    connection: Option<SqliteConnection>,
    readers: &'readers Readers,
    /// Let go after the connection was given back.
    _turn: SemaphorePermit<'readers>,
}

impl Readers {
    /// Connects with these options, which must not write, when somebody reads.
    pub(crate) fn new(options: SqliteConnectOptions) -> Self {
        Self {
            options,
            turns: Semaphore::new(MOST as usize),
            idle: Mutex::default(),
        }
    }

    /// Waits for a connection.
    pub(crate) async fn reader(&self) -> Result<Reader<'_>, StoreError> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.acquire())
            .await
            .map_err(|_| store_error(sqlx::Error::PoolTimedOut))?
            .map_err(|_| store_error(sqlx::Error::PoolClosed))?;
        let idle = self.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(store_error)?,
        };
        Ok(Reader {
            connection: Some(connection),
            readers: self,
            _turn: turn,
        })
    }

    /// Waits for what is under way, and closes all.
    pub(crate) async fn close(&self) {
        // Where they were closed before there is nothing to wait for.
        let all = self.turns.acquire_many(MOST).await;
        self.turns.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            if let Err(error) = connection.close().await {
                warn!("a connection that reads the database was not closed: {error}");
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        // Whole at every moment, whoever panicked beside it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// Reads of one state, whatever is committed between them.
    pub(crate) async fn snapshot(&mut self) -> Result<Transaction<'_, Sqlite>, StoreError> {
        self.begin().await.map_err(store_error)
    }
}

impl Deref for Reader<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        let connection = self.connection.as_ref();
        connection.expect("only `drop`, which ends this value, takes it out")
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        let connection = self.connection.as_mut();
        connection.expect("only `drop`, which ends this value, takes it out")
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.readers.idle().extend(self.connection.take());
    }
}
