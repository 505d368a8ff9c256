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

/// The connection, inside a transaction, for one change. Dropped, that change is undone.
pub(crate) struct Lent {
    /// There until it is given back.
    connection: Option<SqliteConnection>,
    back: Option<oneshot::Sender<Returned>>,
}

/// The connection, and whom to tell that the change is kept; nobody, where it is undone.
struct Returned {
    connection: SqliteConnection,
    kept: Option<Answer>,
}

type Turn = oneshot::Sender<Result<Lent, StoreError>>;

type Answer = oneshot::Sender<Result<(), Arc<sqlx::Error>>>;

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

impl Lent {
    /// Where statements go.
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        let connection = self.connection.as_mut();
        connection.expect("only `keep` and `drop`, which end this value, take it out")
    }

    /// Keeps the change: answers once it is on the disk.
    pub(crate) async fn keep(mut self) -> Result<(), StoreError> {
        let (kept, on_disk) = oneshot::channel();
        self.give_back(Some(kept));
        match on_disk.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(StoreError::Unavailable(Box::new(error))),
            Err(_) => Err(closed()),
        }
    }

    fn give_back(&mut self, kept: Option<Answer>) {
        if let (Some(connection), Some(back)) = (self.connection.take(), self.back.take()) {
            // Where nobody takes it the store is gone, and the transaction with its connection.
            drop(back.send(Returned { connection, kept }));
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.give_back(None);
    }
}

fn tell(said: oneshot::Sender<()>) {
    // Who asked may have gone.
    let _ = said.send(());
}

fn closed() -> StoreError {
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
                    Ask::Turn(turn) => next = batch.begin_another(&mut connection, turn).await,
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
    let (back, returned) = oneshot::channel();
    let lent = Lent {
        connection: Some(connection),
        back: Some(back),
    };
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
    /// Whether a savepoint is open: the first change needs none.
    inside: bool,
    /// Whether SQLite may have undone more than one change.
    broken: Option<sqlx::Error>,
}

impl Batch {
    async fn take_back(&mut self, returned: Returned) -> SqliteConnection {
        let Returned {
            mut connection,
            kept,
        } = returned;
        self.changes += 1;
        match kept {
            Some(answer) => self.kept.push(answer),
            None if self.inside => {
                let undone = connection.execute("ROLLBACK TO change").await;
                self.broken = undone.err();
            }
            // Nothing was kept before it: the transaction ends with it.
            None => self.changes = MOST_CHANGES,
        }
        connection
    }

    fn goes_on(&self) -> bool {
        self.changes < MOST_CHANGES && self.broken.is_none()
    }

    /// Sets the next change apart from those before it; whose turn it is, where that can be.
    async fn begin_another(
        &mut self,
        connection: &mut SqliteConnection,
        turn: Turn,
    ) -> Option<Turn> {
        let statement = match self.inside {
            true => "RELEASE change; SAVEPOINT change",
            false => "SAVEPOINT change",
        };
        self.inside = true;
        match connection.execute(statement).await {
            Ok(_) => Some(turn),
            Err(error) => {
                self.broken = Some(error);
                drop(turn.send(Err(closed())));
                None
            }
        }
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
            drop(answer.send(ended.clone()));
        }
        for said in self.settled {
            tell(said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn writer() -> (Arc<Writer>, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(folder.path().join("file"))
            .create_if_missing(true);
        let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
        connection
            .execute("CREATE TABLE kept (number INTEGER)")
            .await
            .unwrap();
        (Arc::new(Writer::new(connection)), folder)
    }

    async fn insert(lent: &mut Lent, number: i64) {
        let statement = sqlx::query("INSERT INTO kept VALUES (?)").bind(number);
        statement.execute(lent.connection()).await.unwrap();
    }

    async fn kept(writer: &Writer) -> Vec<i64> {
        let mut lent = writer.turn().await.unwrap();
        let all = sqlx::query_scalar("SELECT number FROM kept ORDER BY number");
        all.fetch_all(lent.connection()).await.unwrap()
    }

    /// Keeps 1, while somebody has waited for the next turn since before that, who says what is done
    /// with it once this is known. Answers what became of 1, and of who waits until it is settled.
    async fn share(writer: &Arc<Writer>, spoil: Option<&'static str>) -> Result<(), StoreError> {
        let mut first = writer.turn().await.unwrap();
        insert(&mut first, 1).await;
        let (begun, has_begun) = oneshot::channel();
        let (end, may_end) = oneshot::channel::<()>();
        let second = tokio::spawn({
            let writer = Arc::clone(writer);
            async move {
                let mut second = writer.turn().await.unwrap();
                insert(&mut second, 2).await;
                begun.send(()).unwrap();
                may_end.await.unwrap();
                if let Some(spoil) = spoil {
                    second.connection().execute(spoil).await.unwrap();
                }
            }
        });
        // It asks for its turn.
        tokio::task::yield_now().await;

        let kept = tokio::spawn(first.keep());
        let settled = tokio::spawn({
            let writer = Arc::clone(writer);
            async move { writer.settled().await }
        });
        has_begun.await.unwrap();
        assert!(!kept.is_finished(), "it is on the disk with the second");
        assert!(!settled.is_finished(), "nothing is settled before");
        end.send(()).unwrap();

        second.await.unwrap();
        settled.await.unwrap();
        kept.await.unwrap()
    }

    #[tokio::test]
    async fn a_change_that_is_undone_costs_those_of_the_same_commit_nothing() {
        let (writer, _folder) = writer().await;

        share(&writer, None).await.unwrap();

        assert_eq!(kept(&writer).await, [1]);
    }

    #[tokio::test]
    async fn what_is_undone_with_another_is_not_said_to_be_kept() {
        let (writer, _folder) = writer().await;

        let kept_first = share(&writer, Some("ROLLBACK")).await;

        assert!(matches!(kept_first, Err(StoreError::Unavailable(_))));
        assert!(kept(&writer).await.is_empty());
    }

    #[tokio::test]
    async fn who_comes_alone_is_kept_at_once_and_after_the_end_nobody() {
        let (writer, _folder) = writer().await;
        let mut lent = writer.turn().await.unwrap();
        insert(&mut lent, 1).await;

        lent.keep().await.unwrap();
        drop(writer.turn().await.unwrap());
        writer.close().await;

        assert!(matches!(
            writer.turn().await,
            Err(StoreError::Unavailable(_))
        ));
        writer.settled().await;
    }
}
