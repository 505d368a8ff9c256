//! The one connection that writes, and its thread. Changes that come while others are written share their
//! commit: what waits when a change is done goes into the same transaction, each change behind a
//! savepoint of its own, and all are answered once that is on the disk. Nobody waits where nobody else
//! writes. Source: docs/decisions/0027-changes-share-a-commit.md.

use std::any::Any;
use std::error::Error;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tracing::{Span, warn};
use windlass_application::ports::StoreError;

use crate::checkpoints::Checkpoints;
use crate::connection::Connection;
use crate::error::{Closed, Undone, store_error};

/// How many changes share one commit at most: some ten milliseconds of work, which the first of them
/// waits for.
const MOST_CHANGES: usize = 128;

/// How many may wait for their turn. More wait until one of these has had it.
const MOST_WAITING: usize = 1024;

/// How long a change waits for its turn until the store cannot answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes one change after the other.
pub(crate) struct Writer {
    asks: mpsc::Sender<Ask>,
}

enum Ask {
    /// Somebody wants to change something.
    Change(Change),
    /// The file is to be closed; said once it is.
    Close(oneshot::Sender<()>),
}

/// Makes a change in the transaction of this connection, or says why there is none. None where nobody
/// waits for it any more.
type Change = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Option<Made> + Send>;

/// A change that was made, or was not.
struct Made {
    /// Whether it is to be kept.
    is_kept: bool,
    /// Tells who asked what came of it, once all that it could see is on the disk, or is not.
    tell: Box<dyn FnOnce(Result<(), Cause>)>,
}

/// Why nothing of a transaction is kept.
type Cause = Arc<dyn Error + Send + Sync>;

/// What came of a change: or the panic in its midst.
type Came<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;

/// What a change has done.
pub(crate) struct Done<T> {
    /// For who asked.
    pub(crate) value: T,
    /// Who is woken once it is on the disk, whether or not who asked still waits for that.
    pub(crate) wakes: Option<Arc<Notify>>,
}

impl Writer {
    /// Makes changes by this connection to the file at `path` until it is closed, or dropped.
    pub(crate) fn new(connection: Connection, path: &Path) -> io::Result<Self> {
        let (asks, asked) = mpsc::channel(MOST_WAITING);
        let checkpoints = Checkpoints::of(&connection, path)?;
        thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || write_in_turn(connection, checkpoints, asked))?;
        Ok(Self { asks })
    }

    /// Makes a change, and answers once it is on the disk. One that fails has changed nothing; it is
    /// told so once what it saw is on the disk: that may be a change that shares its commit.
    pub(crate) async fn change<T, E>(
        &self,
        change: impl FnOnce(&Connection) -> Result<Done<T>, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        // Taken by whoever is first: the thread that makes it, or the caller whose patience has ended.
        let is_taken = Arc::new(AtomicBool::new(false));
        let change = prepare(change, answer, Arc::clone(&is_taken));
        let mut waiting = pin!(async {
            let asked = self.asks.send(Ask::Change(change)).await;
            asked.map_err(|_| Closed)?;
            answered.await.map_err(|_| Closed)
        });
        let waited = match tokio::time::timeout(PATIENCE, waiting.as_mut()).await {
            Ok(waited) => waited,
            Err(_) if is_taken.swap(true, Ordering::Relaxed) => waiting.await,
            Err(elapsed) => return Err(StoreError::Unavailable(Box::new(elapsed)).into()),
        };
        match waited {
            Ok(Ok(came)) => came,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(closed) => Err(StoreError::Unavailable(Box::new(closed)).into()),
        }
    }

    /// Waits for what is under way, and closes the connection.
    pub(crate) async fn close(&self) {
        let (close, closed) = oneshot::channel();
        if self.asks.send(Ask::Close(close)).await.is_ok() {
            // Where nobody answers it was closed before.
            let _ = closed.await;
        }
    }
}

/// A change for the thread that writes.
fn prepare<T, E>(
    change: impl FnOnce(&Connection) -> Result<Done<T>, E> + Send + 'static,
    answer: oneshot::Sender<Came<T, E>>,
    is_taken: Arc<AtomicBool>,
) -> Change
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let span = Span::current();
    // Who asked may have gone, whenever it is told something.
    Box::new(move |connection| {
        if answer.is_closed() || is_taken.swap(true, Ordering::Relaxed) {
            return None;
        }
        let connection = match connection {
            Ok(connection) => connection,
            Err(error) => {
                let _ = answer.send(Ok(Err(error.into())));
                return None;
            }
        };
        // A panic is that of who asked, and costs nobody else the store.
        let made = || span.in_scope(|| change(connection));
        let came = catch_unwind(AssertUnwindSafe(made));
        Some(Made {
            is_kept: matches!(came, Ok(Ok(_))),
            tell: Box::new(move |ended| {
                let _ = answer.send(match (ended, came) {
                    (Ok(()), Ok(Ok(done))) => {
                        if let Some(wakes) = done.wakes {
                            wakes.notify_one();
                        }
                        Ok(Ok(done.value))
                    }
                    (Ok(()), Ok(Err(error))) => Ok(Err(error)),
                    (_, Err(panic)) => Err(panic),
                    (Err(cause), Ok(_)) => Ok(Err(StoreError::Unavailable(Box::new(cause)).into())),
                });
            }),
        })
    })
}

/// One transaction after the other, as long as anybody asks.
fn write_in_turn(
    connection: Connection,
    mut checkpoints: Checkpoints,
    mut asked: mpsc::Receiver<Ask>,
) {
    let mut close: Option<oneshot::Sender<()>> = None;
    while close.is_none()
        && let Some(ask) = asked.blocking_recv()
    {
        let first = match ask {
            Ask::Change(change) => change,
            Ask::Close(said) => {
                close = Some(said);
                continue;
            }
        };
        // Where the end of the one before failed, too.
        if connection.is_in_transaction()
            && let Err(error) = connection.step("ROLLBACK")
        {
            warn!("a transaction of the database does not end: {error}");
        }
        // IMMEDIATE takes the write lock now: a transaction that read first and wants to write later
        // would fail where another process wrote in between.
        if let Err(error) = connection.step("BEGIN IMMEDIATE") {
            first(Err(store_error(error)));
            continue;
        }
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(change) = next.take() {
            batch.make(&connection, change);
            while next.is_none()
                && close.is_none()
                && batch.goes_on()
                && let Ok(ask) = asked.try_recv()
            {
                match ask {
                    Ask::Change(change) => next = Some(change),
                    Ask::Close(said) => close = Some(said),
                }
            }
        }
        batch.end(&connection);
        checkpoints.after_commit(&connection);
    }
    checkpoints.end();
    if let Err(error) = connection.close() {
        warn!("the database was not closed: {error}");
    }
    if let Some(said) = close {
        // Who asked may have gone.
        let _ = said.send(());
    }
}

/// The changes of one transaction.
#[derive(Default)]
struct Batch {
    changes: usize,
    made: Vec<Made>,
    /// Why SQLite may have undone more than one change.
    broken: Option<Cause>,
}

impl Batch {
    fn make(&mut self, connection: &Connection, change: Change) {
        self.changes += 1;
        if let Err(error) = connection.step("SAVEPOINT change") {
            self.broken = Some(Arc::new(error));
            change(Err(StoreError::Unavailable(Box::new(Undone))));
            return;
        }
        match change(Ok(connection)) {
            // Its own failure has ended the transaction, which SQLite does after some.
            Some(made) if !made.is_kept && !connection.is_in_transaction() => {
                (made.tell)(Ok(()));
                self.broken = Some(Arc::new(Undone));
            }
            Some(made) => {
                self.end_change(connection, made.is_kept);
                self.made.push(made);
            }
            None => self.end_change(connection, false),
        }
    }

    /// Keeps a change for the commit, or goes back to where it began.
    fn end_change(&mut self, connection: &Connection, is_kept: bool) {
        let gone_back = match is_kept {
            true => Ok(()),
            false => connection.step("ROLLBACK TO change"),
        };
        if let Err(error) = gone_back.and_then(|()| connection.step("RELEASE change")) {
            self.broken = Some(Arc::new(error));
        }
    }

    fn goes_on(&self) -> bool {
        self.changes < MOST_CHANGES && self.broken.is_none()
    }

    /// Makes all that is kept true, or nothing of it.
    fn end(self, connection: &Connection) {
        let is_any_kept = self.made.iter().any(|made| made.is_kept);
        let ended = match self.broken {
            Some(cause) => Err(cause),
            None => {
                let end = if is_any_kept { "COMMIT" } else { "ROLLBACK" };
                connection
                    .step(end)
                    .map_err(|error| Arc::new(error) as Cause)
            }
        };
        if let Err(cause) = &ended {
            warn!("changes of the database were undone: {cause}");
            // Where that fails the next transaction tries it again.
            if connection.is_in_transaction() {
                let _ = connection.step("ROLLBACK");
            }
        }
        for made in self.made {
            (made.tell)(ended.clone());
        }
    }
}

#[cfg(test)]
mod tests;
