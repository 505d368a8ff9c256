//! The connections that read. Each sees what was committed before it began, and none waits for the
//! writer. Source: docs/decisions/0003-sqlite-with-one-writer.md.

use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Span, warn};
use windlass_application::ports::StoreError;

use crate::connection::Connection;
use crate::error::{Closed, store_error};

/// How many read at the same time. More than the cores that a small machine has would only take turns.
const MOST: u32 = 4;

/// How long a read waits for its turn until the store cannot answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads by a few connections.
pub(crate) struct Readers {
    path: Arc<Path>,
    turns: Arc<Semaphore>,
    idle: Arc<Idle>,
}

/// The connections that nobody reads by. The one that was used last is lent first: what it needs is still
/// in the processor's caches.
#[derive(Default)]
struct Idle(Mutex<Vec<Connection>>);

impl Idle {
    fn lock(&self) -> MutexGuard<'_, Vec<Connection>> {
        // Nothing can panic between two states of it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads by one of them, or by a new one to this file.
    fn lend<T, E: From<StoreError>>(
        &self,
        path: &Path,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let last = self.lock().pop();
        let connection = match last {
            Some(connection) => connection,
            None => Connection::open_to_read(path).map_err(store_error)?,
        };
        // All that is read is of one moment.
        connection.step("BEGIN").map_err(store_error)?;
        let read = read(&connection);
        let ended = connection.step("COMMIT");
        // One in whose midst there was a panic, or which cannot end, is not lent again.
        if ended.is_ok() {
            self.lock().push(connection);
        }
        let read = read?;
        ended.map_err(store_error)?;
        Ok(read)
    }
}

impl Readers {
    /// Connects to this file when somebody reads.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path: path.into(),
            turns: Arc::new(Semaphore::new(MOST as usize)),
            idle: Arc::default(),
        }
    }

    /// Reads a row or a few by their keys, on the thread of whoever asks: it takes less time than the
    /// way to another thread and back.
    pub(crate) async fn look<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        let _turn = self.turn().await?;
        self.idle.lend(&self.path, read)
    }

    /// Reads what may be much, on a thread that may take its time.
    pub(crate) async fn read<T, E>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let turn = self.turn().await?;
        let (idle, path) = (Arc::clone(&self.idle), Arc::clone(&self.path));
        let span = Span::current();
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            span.in_scope(|| idle.lend(&path, read))
        });
        match reading.await {
            Ok(read) => read,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(StoreError::Unavailable(Box::new(Closed)).into()),
            },
        }
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        tokio::time::timeout(PATIENCE, turn)
            .await
            .map_err(|elapsed| StoreError::Unavailable(Box::new(elapsed)))?
            .map_err(|_| StoreError::Unavailable(Box::new(Closed)))
    }

    /// Waits for what is under way, and closes all.
    pub(crate) async fn close(&self) {
        // Where they were closed before there is nothing to wait for.
        let all = self.turns.acquire_many(MOST).await;
        self.turns.close();
        drop(all);
        let idle = std::mem::take(&mut *self.idle.lock());
        for connection in idle {
            if let Err(error) = connection.close() {
                warn!("a connection that reads was not closed: {error}");
            }
        }
    }
}
