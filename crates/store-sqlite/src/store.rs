//! The database file: opened, migrated, with one connection that writes and a few that read.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlSafeStr};
use tokio::sync::Notify;
use windlass_application::ports::{Clock, StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::slot::Caps;
use windlass_records::{LastLetIn, LastLook, Turns};

use crate::error::is_locked;
use crate::noted::Noted;
use crate::readers::{Reader, Readers};
use crate::transaction::Transaction;
use crate::writer::Writer;

/// How long a call waits for another process that writes, until the store cannot answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Between two tries to make a new file one with a write-ahead log.
const PAUSE: Duration = Duration::from_millis(20);

/// After how many pages the write-ahead log is folded into the file: measured to be better than
/// SQLite's 1,000 under many small transactions.
const CHECKPOINT_PAGES: &str = "4000";

/// The stores of Windlass in one SQLite file. Every port of the store is implemented for it.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    clock: Arc<dyn Clock>,
    deliveries_written: Arc<Notify>,
    turns: Turns,
    last_look: LastLook,
    last_let_in: LastLetIn,
    noted: Noted,
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
        source: sqlx::Error,
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
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            // Each change stands behind a savepoint, for which SQLite keeps every page as it was before:
            // in memory, where it would write a file.
            .pragma("temp_store", "memory")
            // What is deleted is overwritten: erased secrets leave no bytes in the file.
            .pragma("secure_delete", "1")
            .disable_statement_logging();
        let open = |source| OpenError::Open {
            path: path.to_owned(),
            source,
        };
        make_private(path).map_err(|error| open(error.into()))?;
        let mut writer = first_connection(&options).await.map_err(open)?;
        migrate(&mut writer)
            .await
            .map_err(|source| OpenError::Migrate {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            writer: Writer::new(writer),
            readers: Readers::new(options.pragma("query_only", "1")),
            clock,
            deliveries_written: Arc::new(Notify::new()),
            turns: Turns::default(),
            last_look: LastLook::default(),
            last_let_in: LastLetIn::default(),
            noted: Noted::default(),
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

    /// Where reads go. Each sees what was committed before it began.
    pub(crate) async fn reader(&self) -> Result<Reader<'_>, StoreError> {
        self.readers.reader().await
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
    pub(crate) fn turns(&self) -> &Turns {
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
    pub(crate) fn noted(&self) -> &Noted {
        &self.noted
    }

    /// What each organization may have.
    pub(crate) fn caps(&self) -> Caps {
        self.caps
    }

    /// What became of a command. One that was refused is told so once what it was refused over is on
    /// the disk: it may be a change that shares its commit.
    pub(crate) async fn settled<Done>(
        &self,
        done: Result<Done, WriteError>,
    ) -> Result<Done, WriteError> {
        if done.is_err() {
            self.writer.settled().await;
        }
        done
    }

    /// The transaction of a change that no request made: of a clock, of a worker. Nobody else
    /// writes until it is committed or dropped; dropped, it has changed nothing.
    pub(crate) async fn begin(
        &self,
        trace_parent: Option<String>,
    ) -> Result<Transaction, StoreError> {
        let connection = self.writer.turn().await?;
        // Read after the lock, so that moments follow the order of commits.
        let at = self.clock.now();
        Ok(Transaction::new(
            connection,
            at,
            self.caps,
            trace_parent,
            Arc::clone(&self.deliveries_written),
        ))
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
async fn first_connection(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let ends_at = Instant::now() + PATIENCE;
    loop {
        match options.connect().await {
            Err(error) if is_locked(&error) && Instant::now() < ends_at => {
                tokio::time::sleep(PAUSE).await;
            }
            connected => return connected,
        }
    }
}

/// All migrations in one transaction that has the write lock from its start: a second process
/// that starts at the same moment waits, and then finds nothing to do.
async fn migrate(writer: &mut SqliteConnection) -> Result<(), MigrateError> {
    let migrations = vec![Migration::new(
        1,
        "first".into(),
        MigrationType::Simple,
        include_str!("../migrations/0001_first.sql").into_sql_str(),
        false,
    )];
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    Migrator::with_migrations(migrations)
        // Of a newer program: an old one that is started again works on its tables.
        .set_ignore_missing(true)
        .run(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
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
        let store = SqliteStore::open(&path, Arc::new(SystemClock)).await;
        let mut transaction = store.unwrap().begin(None).await.unwrap();

        let temporary = sqlx::query_scalar::<_, i64>("PRAGMA temp_store")
            .fetch_one(transaction.connection().await.unwrap())
            .await;

        let in_memory = 2;
        assert_eq!(temporary.unwrap(), in_memory);
    }
}
