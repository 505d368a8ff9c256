//! The one connection that writes. Changes that come while others are written share their commit: what
//! waits when a change is done goes into the same transaction, each change behind a savepoint of its
//! own, and all are answered once that is on the disk. Nobody waits where nobody else writes.
//! Source: docs/decisions/0027-changes-share-a-commit.md.

use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Executor};
use tokio::sync::{mpsc, oneshot};
use tracing::warn;
use windlass_application::ports::StoreError;

use crate::error::store_error;
use crate::lent::{Answer, Lent, NotKept, Returned};

/// How many changes share one commit at most: a few milliseconds of work, which the first of them
/// waits for.
const MOST_CHANGES: usize = 64;

/// How many may wait for their turn. More wait until one of these has had it.
const MOST_WAITING: usize = 1024;

/// How long a change waits for its turn until the store cannot answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lends the connection to one change after the other.
pub(crate) struct Writer {
    asks: mpsc::Sender<Ask>,
}

enum Ask {
    /// Somebody wants to change something.
    Turn(Turn),
    /// Somebody wants to know when what was kept before is on the disk.
    Settled(oneshot::Sender<()>),
    /// The file is to be closed; said once it is.
    Close(oneshot::Sender<()>),
}

type Turn = oneshot::Sender<Result<Lent, StoreError>>;

impl Writer {
    /// Lends this connection until it is closed, or dropped.
    pub(crate) fn new(connection: SqliteConnection) -> Self {
        let (asks, asked) = mpsc::channel(MOST_WAITING);
        tokio::spawn(lend_in_turn(connection, asked));
        Self { asks }
    }

    /// Waits for the connection. Nobody else writes until it is given back.
    pub(crate) async fn turn(&self) -> Result<Lent, StoreError> {
        let (turn, mine) = oneshot::channel();
        let waited = async {
            self.asks
                .send(Ask::Turn(turn))
                .await
                .map_err(|_| closed())?;
            mine.await.map_err(|_| closed())?
        };
        match tokio::time::timeout(PATIENCE, waited).await {
            Ok(turn) => turn,
            Err(_) => Err(store_error(sqlx::Error::PoolTimedOut)),
        }
    }

    /// Waits until every change that was kept before is on the disk, or undone: for who has seen one
    /// of them and changes nothing, as a refused command.
    pub(crate) async fn settled(&self) {
        let (asked, settled) = oneshot::channel();
        if self.asks.send(Ask::Settled(asked)).await.is_ok() {
            // Where nobody answers all was closed, and nothing is under way.
            drop(settled.await);
        }
    }

    /// Waits for what is under way, and closes the connection.
    pub(crate) async fn close(&self) {
        let (close, closed) = oneshot::channel();
        if self.asks.send(Ask::Close(close)).await.is_ok() {
            // Where nobody answers it was closed before.
            drop(closed.await);
        }
    }
}

fn tell(said: oneshot::Sender<()>) {
    // Who asked may have gone.
    let _ = said.send(());
}

pub(crate) fn closed() -> StoreError {
    store_error(sqlx::Error::PoolClosed)
}

/// One transaction after the other, as long as anybody asks.
async fn lend_in_turn(mut connection: SqliteConnection, mut asked: mpsc::Receiver<Ask>) {
    let mut close: Option<oneshot::Sender<()>> = None;
    while close.is_none()
        && let Some(ask) = asked.recv().await
    {
        let turn = match ask {
            Ask::Turn(turn) => turn,
            Ask::Settled(said) => {
                tell(said);
                continue;
            }
            Ask::Close(said) => {
                close = Some(said);
                continue;
            }
        };
        // IMMEDIATE takes the write lock now: a transaction that read first and wants to write later
        // would fail where another process wrote in between.
        if let Err(error) = connection.execute("BEGIN IMMEDIATE").await {
            drop(turn.send(Err(store_error(error))));
            continue;
        }
        let mut batch = Batch::default();
        let mut next = Some(turn);
        while let Some(turn) = next.take() {
            let Some(back) = lend(connection, turn).await else {
                // The runtime ends in the middle of a change.
                return;
            };
            connection = batch.take_back(back).await;
            while next.is_none()
                && close.is_none()
                && batch.goes_on()
                && let Ok(ask) = asked.try_recv()
            {
                match ask {
                    Ask::Turn(turn) => next = Some(turn),
                    Ask::Settled(said) => batch.settled.push(said),
                    Ask::Close(said) => close = Some(said),
                }
            }
        }
        batch.end(&mut connection).await;
    }
    if let Err(error) = connection.close().await {
        warn!("the database was not closed: {error}");
    }
    if let Some(said) = close {
        tell(said);
    }
}

/// Lends the connection to one change, and waits until it is back.
async fn lend(connection: SqliteConnection, turn: Turn) -> Option<Returned> {
    let (lent, returned) = Lent::lend(connection);
    // Who does not wait any more drops it, and so gives it back.
    drop(turn.send(Ok(lent)));
    returned.await.ok()
}

/// The changes of one transaction.
#[derive(Default)]
struct Batch {
    changes: usize,
    /// Whom to tell once it is on the disk.
    kept: Vec<Answer>,
    /// Whom to tell that it is.
    settled: Vec<oneshot::Sender<()>>,
    /// Whether SQLite may have undone more than one change.
    broken: Option<sqlx::Error>,
}

impl Batch {
    async fn take_back(&mut self, returned: Returned) -> SqliteConnection {
        let Returned {
            mut connection,
            kept,
            is_apart,
        } = returned;
        self.changes += 1;
        match kept {
            Some((mut pending, answer)) if is_apart => {
                pending.add("RELEASE change");
                match pending.send(&mut connection).await {
                    Ok(_) => self.kept.push(answer),
                    Err(error) => {
                        self.undo(&mut connection).await;
                        // Who asked may have gone.
                        drop(answer.send(Err(NotKept::Itself(error))));
                    }
                }
            }
            Some((_, answer)) => self.kept.push(answer),
            None if is_apart => self.undo(&mut connection).await,
            // A read may have failed such that SQLite ended the transaction: the commit shows it.
            None => self.changes = MOST_CHANGES,
        }
        connection
    }

    /// Goes back to where a change began.
    async fn undo(&mut self, connection: &mut SqliteConnection) {
        let undone = connection.execute("ROLLBACK TO change; RELEASE change");
        self.broken = undone.await.err();
    }

    fn goes_on(&self) -> bool {
        self.changes < MOST_CHANGES && self.broken.is_none()
    }

    /// Makes all that is kept true, or nothing of it.
    async fn end(self, connection: &mut SqliteConnection) {
        let ended = match self.broken {
            Some(error) => Err(error),
            None if self.kept.is_empty() => connection.execute("ROLLBACK").await.map(drop),
            None => connection.execute("COMMIT").await.map(drop),
        };
        let ended = ended.map_err(Arc::new);
        if ended.is_err() {
            // Where SQLite did that by itself there is nothing left to roll back.
            drop(connection.execute("ROLLBACK").await);
        }
        for answer in self.kept {
            // Who asked may have gone; it is true all the same.
            drop(answer.send(ended.clone().map_err(NotKept::WithOthers)));
        }
        for said in self.settled {
            tell(said);
        }
    }
}

#[cfg(test)]
mod tests;
