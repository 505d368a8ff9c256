//! The connections that read. Each sees what was committed before it began, and none waits for the
//! writer.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tracing::{Span, warn};
use windlass_application::ports::StoreError;

use crate::connection::Connection;
use crate::error::{Closed, store_error};

/// How many read at the same time. More than the cores that a small machine has would only take turns.
const MOST: u32 = 4;

/// How long a read waits for its turn until the store cannot answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads by a few connections, each on a thread that may wait for the disk.
pub(crate) struct Readers {
    path: PathBuf,
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
}

impl Readers {
    /// Connects to this file when somebody reads.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            turns: Arc::new(Semaphore::new(MOST as usize)),
            idle: Arc::default(),
        }
    }

    /// Reads.
    pub(crate) async fn read<T, E>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = tokio::time::timeout(PATIENCE, turn)
            .await
            .map_err(|elapsed| StoreError::Unavailable(Box::new(elapsed)))?
            .map_err(|_| StoreError::Unavailable(Box::new(Closed)))?;
        let (idle, path) = (Arc::clone(&self.idle), self.path.clone());
        let span = Span::current();
        let reading = tokio::task::spawn_blocking(move || {
            let last = idle.lock().pop();
            let connection = match last {
                Some(connection) => connection,
                None => Connection::open_to_read(&path).map_err(store_error)?,
            };
            // All that is read is of one moment.
            connection.step("BEGIN").map_err(store_error)?;
            let read = span.in_scope(|| read(&connection));
            let ended = connection.step("COMMIT");
            // One in whose midst there was a panic, or which cannot end, is not lent again.
            if ended.is_ok() {
                idle.lock().push(connection);
            }
            drop(turn);
            let read = read?;
            ended.map_err(store_error)?;
            Ok(read)
        });
        match reading.await {
            Ok(read) => read,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(StoreError::Unavailable(Box::new(Closed)).into()),
            },
        }
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
