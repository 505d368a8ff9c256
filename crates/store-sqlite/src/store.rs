//! The database file: opened, migrated, with one connection that writes and a few that read.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use windlass_application::ports::{Clock, StoreError};
use windlass_domain::Timestamp;
use windlass_domain::slot::Caps;
use windlass_records::{LastLetIn, LastLook, Turns};

use crate::checkpoints;
use crate::connection::Connection;
use crate::error::is_locked;
use crate::migration::{self, MigrateError};
use crate::noted::Noted;
use crate::readers::Readers;
use crate::transaction::Transaction;
use crate::writer::{Done, Writer};

/// How long it is tried to make a new file one with a write-ahead log.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two tries to do so.
const PAUSE: Duration = Duration::from_millis(20);

/// The stores of Windlass in one SQLite file. Every port of the store is implemented for it.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    clock: Arc<dyn Clock>,
    deliveries_written: Arc<Notify>,
    turns: Arc<Turns>,
    last_look: LastLook,
    last_let_in: LastLetIn,
    noted: Arc<Noted>,
    caps: Caps,
}

/// Why a database file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read, written or made.
    #[error("failed to open the database {}", .path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its tables cannot be brought to the shape that this program knows: a migration failed, or
    /// one that was done is not the one that it knows.
    #[error("failed to migrate the database {}", .path.display())]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: MigrateError,
    },
}

impl SqliteStore {
    /// Opens the file at `path`, makes it where there is none, and migrates it. Another process
    /// may have it open too.
    ///
    /// # Errors
    /// [`OpenError`] says what failed.
    pub async fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let open = |source| OpenError::Open {
            path: path.to_owned(),
            source,
        };
        make_private(path).map_err(open)?;
        let place = path.to_owned();
        let opening = tokio::task::spawn_blocking(move || {
            let writer = first_connection(&place)?;
            let migrated = migration::migrate(&writer);
            // What was left by a process that was killed may be long.
            checkpoints::fold(&writer);
            Ok((writer, migrated))
        });
        let opened = opening.await.map_err(io::Error::other).map_err(open)?;
        let (writer, migrated) =
            opened.map_err(|error: rusqlite::Error| open(io::Error::other(error)))?;
        migrated.map_err(|source| OpenError::Migrate {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            writer: Writer::new(writer, path).map_err(open)?,
            readers: Readers::new(path.to_owned()),
            clock,
            deliveries_written: Arc::new(Notify::new()),
            turns: Arc::default(),
            last_look: LastLook::default(),
            last_let_in: LastLetIn::default(),
            noted: Arc::default(),
            caps: Caps::default(),
        })
    }

    /// The same store, where organizations may have so much.
    #[must_use]
    pub fn with_caps(self, caps: Caps) -> Self {
        Self { caps, ..self }
    }

    /// Waits for what is under way and closes the file, with all of it in the one file.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// What each organization may have.
    pub(crate) fn caps(&self) -> Caps {
        self.caps
    }

    /// Reads a row or a few by their keys, of what was committed before.
    pub(crate) async fn look<T, E: From<StoreError>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.readers.look(read).await
    }

    /// Reads what may be much, of what was committed before.
    pub(crate) async fn read<T, E>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.readers.read(read).await
    }

    /// Makes a change that no request asks for: of a clock, of a worker. Nobody else writes in its
    /// midst; where it fails it has changed nothing.
    pub(crate) async fn change<T, E>(
        &self,
        trace_parent: Option<String>,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (clock, caps) = (Arc::clone(&self.clock), self.caps);
        let deliveries_written = Arc::clone(&self.deliveries_written);
        let made = self.writer.change(move |connection| {
            // Read within it, so that moments follow the order of commits.
            let at = clock.now();
            let mut transaction = Transaction::new(connection, at, caps, trace_parent);
            let value = change(&mut transaction)?;
            let wakes = transaction.end()?.then_some(deliveries_written);
            Ok::<_, E>(Done { value, wakes })
        });
        made.await
    }

    /// Woken by each commit that wrote deliveries.
    pub(crate) fn deliveries_written(&self) -> &Notify {
        &self.deliveries_written
    }

    /// The present moment of the store.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Whose turn it is to have runs leased.
    pub(crate) fn turns(&self) -> &Arc<Turns> {
        &self.turns
    }

    /// When a dispatcher looked for deliveries.
    pub(crate) fn last_look(&self) -> &LastLook {
        &self.last_look
    }

    /// When it was looked for slots that nobody took.
    pub(crate) fn last_let_in(&self) -> &LastLetIn {
        &self.last_let_in
    }

    /// Which workers were noted to be alive.
    pub(crate) fn noted(&self) -> &Arc<Noted> {
        &self.noted
    }
}

/// Makes the file where there is none, for its owner alone: what is not sealed in it is still
/// nobody else's. SQLite gives its log the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The connection that makes a new file one with a write-ahead log. Where two do so at once SQLite
/// refuses one of them without waiting.
fn first_connection(path: &Path) -> Result<Connection, rusqlite::Error> {
    let ends_at = Instant::now() + PATIENCE;
    loop {
        match Connection::open(path) {
            Err(error) if is_locked(&error) && Instant::now() < ends_at => {
                std::thread::sleep(PAUSE);
            }
            connected => return connected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    /// In a file it would cost two writes for each page that a change touches.
    #[tokio::test]
    async fn what_a_change_can_go_back_to_is_kept_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("windlass.db");
        let store = SqliteStore::open(&path, Arc::new(SystemClock))
            .await
            .unwrap();

        let temporary = store.change(None, |transaction| {
            transaction.only_value::<i64>("PRAGMA temp_store", ())
        });

        let in_memory = 2;
        assert_eq!(temporary.await.unwrap(), in_memory);
    }

    /// Those before may lose pages where a checkpoint, another right behind it, and a commit meet. Source:
    /// docs/decisions/0036-the-log-is-folded-beside-the-changes.md.
    #[test]
    fn sqlite_is_one_whose_log_may_be_folded_beside_changes() {
        assert!(rusqlite::version_number() >= 3_051_003);
    }
}
