//! What becomes of changes that share a commit.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Instant;

use super::*;

type Changed = Result<(), StoreError>;
type Changing<'writer> = Pin<Box<dyn Future<Output = Changed> + Send + 'writer>>;

fn writer() -> (Writer, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::File::create(&path).unwrap();
    let connection = Connection::open(&path).unwrap();
    connection
        .run("CREATE TABLE kept (number INTEGER UNIQUE)")
        .unwrap();
    (Writer::new(connection, &path).unwrap(), folder)
}

fn insert(connection: &Connection, number: i64) -> Changed {
    let inserted = connection.change("INSERT INTO kept VALUES (?)", [number]);
    inserted.map(drop)
}

async fn kept(writer: &Writer) -> Vec<i64> {
    let kept = writer.change(|connection| {
        let kept = connection.values("SELECT number FROM kept ORDER BY number", ());
        kept.map(done)
    });
    kept.await.unwrap()
}

fn done<T>(value: T) -> Done<T> {
    Done { value, wakes: None }
}

/// Makes a change that wakes nobody.
async fn change(
    writer: &Writer,
    change: impl FnOnce(&Connection) -> Changed + Send + 'static,
) -> Changed {
    writer
        .change(move |connection| change(connection).map(done))
        .await
}

/// Lets a change ask for its turn, and not wait for it yet.
async fn ask(changing: &mut Changing<'_>) {
    let asked = poll_fn(|context| Poll::Ready(changing.as_mut().poll(context))).await;
    assert!(asked.is_pending(), "it waits for those before it");
}

/// Keeps 1, and makes a second change that has waited for its turn since before that was done: so both
/// are of one transaction. Answers what became of each.
async fn share(
    writer: &Writer,
    second: impl FnOnce(&Connection) -> Changed + Send + 'static,
) -> [Changed; 2] {
    let (go_on, may_go_on) = mpsc::channel();
    let mut first: Changing<'_> = Box::pin(change(writer, move |connection| {
        may_go_on.recv().unwrap();
        insert(connection, 1)
    }));
    ask(&mut first).await;
    let mut second: Changing<'_> = Box::pin(change(writer, second));
    ask(&mut second).await;
    go_on.send(()).unwrap();
    [first.await, second.await]
}

#[tokio::test]
async fn changes_that_wait_are_kept_together() {
    let (writer, _folder) = writer();

    let [first, second] = share(&writer, |connection| {
        assert!(connection.is_in_transaction(), "that of the first");
        insert(connection, 2)
    })
    .await;

    first.unwrap();
    second.unwrap();
    assert_eq!(kept(&writer).await, [1, 2]);
}

#[tokio::test]
async fn a_change_that_fails_half_way_costs_those_of_the_same_commit_nothing() {
    let (writer, _folder) = writer();

    let [first, second] = share(&writer, |connection| {
        insert(connection, 2)?;
        insert(connection, 1)
    })
    .await;

    first.unwrap();
    assert!(matches!(second, Err(StoreError::Failed(_))));
    assert_eq!(kept(&writer).await, [1]);
}

#[tokio::test]
async fn a_change_that_panics_costs_nobody_else_anything() {
    let (writer, _folder) = writer();
    let writer = Arc::new(writer);
    let panicking = Arc::clone(&writer);

    let panicked = tokio::spawn(async move {
        let change = change(&panicking, |connection| {
            insert(connection, 1)?;
            panic!("in the midst of it")
        });
        change.await as Changed
    });

    assert!(panicked.await.unwrap_err().is_panic(), "who asked panics");
    assert!(kept(&writer).await.is_empty());
}

#[tokio::test]
async fn what_is_undone_with_another_is_not_said_to_be_kept() {
    let (writer, _folder) = writer();

    let both = share(&writer, |connection| {
        // As SQLite does by itself after some failures.
        connection.step("ROLLBACK").map_err(store_error)
    });

    for told in both.await {
        assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
    }
    assert!(kept(&writer).await.is_empty());
}

#[tokio::test]
async fn who_is_refused_over_another_change_is_told_so_once_that_is_kept() {
    let (writer, _folder) = writer();

    let [_, second] = share(&writer, |connection| {
        let seen: Vec<i64> = connection.values("SELECT number FROM kept", ())?;
        assert_eq!(seen, [1]);
        Err(StoreError::Failed("a number that is there".into()))
    })
    .await;

    assert!(matches!(second, Err(StoreError::Failed(_))));
    assert_eq!(kept(&writer).await, [1]);
}

#[tokio::test]
async fn who_undoes_others_is_told_its_own_failure() {
    let (writer, _folder) = writer();

    let [first, second] = share(&writer, |connection| {
        connection.step("ROLLBACK").map_err(store_error)?;
        insert(connection, 2).and_then(|()| insert(connection, 2))
    })
    .await;

    assert!(matches!(first, Err(StoreError::Unavailable(_))));
    assert!(matches!(second, Err(StoreError::Failed(_))));
}

#[tokio::test]
async fn what_cannot_be_committed_is_told_to_all_and_costs_the_next_nothing() {
    let (writer, _folder) = writer();
    change(&writer, |connection| {
        connection
            .run(
                "PRAGMA defer_foreign_keys = ON;
                 CREATE TABLE child (number INTEGER REFERENCES kept (number)
                     DEFERRABLE INITIALLY DEFERRED)",
            )
            .map_err(store_error)
    })
    .await
    .unwrap();

    let both = share(&writer, |connection| {
        let inserted = connection.change("INSERT INTO child VALUES (7)", ());
        inserted.map(drop)
    });

    for told in both.await {
        assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
    }
    let next = change(&writer, |connection| insert(connection, 3)).await;
    next.unwrap();
    assert_eq!(kept(&writer).await, [3]);
}

#[tokio::test]
async fn who_is_to_be_woken_is_woken_though_its_caller_went_away() {
    let (writer, _folder) = writer();
    let (go_on, may_go_on) = mpsc::channel();
    let (begun, has_begun) = oneshot::channel();
    let wakes = Arc::new(Notify::new());
    let woken = Arc::clone(&wakes);
    let mut changing: Changing<'_> = Box::pin(writer.change(move |_| {
        begun.send(()).unwrap();
        may_go_on.recv().unwrap();
        Ok(Done {
            value: (),
            wakes: Some(wakes),
        })
    }));
    ask(&mut changing).await;
    has_begun.await.unwrap();

    drop(changing);
    go_on.send(()).unwrap();

    woken.notified().await;
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_any_more_is_not_made() {
    let (writer, _folder) = writer();
    let (go_on, may_go_on) = mpsc::channel();
    let mut first: Changing<'_> = Box::pin(change(&writer, move |connection| {
        may_go_on.recv().unwrap();
        insert(connection, 1)
    }));
    ask(&mut first).await;
    let mut second: Changing<'_> = Box::pin(change(&writer, |connection| insert(connection, 2)));
    ask(&mut second).await;

    drop(second);
    go_on.send(()).unwrap();

    first.await.unwrap();
    assert_eq!(kept(&writer).await, [1]);
}

#[tokio::test]
async fn a_change_whose_caller_goes_away_in_its_midst_is_made_whole() {
    let (writer, _folder) = writer();
    let (go_on, may_go_on) = mpsc::channel();
    let (begun, has_begun) = oneshot::channel();
    let mut changing: Changing<'_> = Box::pin(change(&writer, move |connection| {
        insert(connection, 1)?;
        begun.send(()).unwrap();
        may_go_on.recv().unwrap();
        insert(connection, 2)
    }));
    ask(&mut changing).await;
    has_begun.await.unwrap();

    drop(changing);
    go_on.send(()).unwrap();

    assert_eq!(kept(&writer).await, [1, 2]);
}

#[tokio::test]
async fn after_the_end_nobody_is_kept() {
    let (writer, _folder) = writer();
    let alone = change(&writer, |connection| insert(connection, 1));
    alone.await.unwrap();

    writer.close().await;
    writer.close().await;

    let late = change(&writer, |connection| insert(connection, 2)).await;
    assert!(matches!(late, Err(StoreError::Unavailable(_))));
}

/// Keeps so many MiB.
async fn fill(writer: &Writer, mebibytes: i64) {
    for number in 0..mebibytes {
        let filling = change(writer, move |connection| {
            connection.change("CREATE TABLE IF NOT EXISTS filled (bytes BLOB)", ())?;
            connection.change("INSERT INTO filled VALUES (zeroblob(1048576))", ())?;
            insert(connection, number)
        });
        filling.await.unwrap();
    }
}

fn mebibytes(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len() >> 20
}

#[tokio::test]
async fn the_log_is_folded_into_the_file_beside_the_changes() {
    let (writer, folder) = writer();

    fill(&writer, 20).await;

    let file = folder.path().join("file");
    let ends_at = Instant::now() + PATIENCE;
    while mebibytes(&file) < 10 && Instant::now() < ends_at {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(mebibytes(&file) >= 10, "nothing is folded");
}

#[tokio::test]
async fn the_log_starts_anew_though_there_is_always_somebody_who_writes() {
    let (writer, folder) = writer();

    fill(&writer, 150).await;

    let log = mebibytes(&folder.path().join("file-wal"));
    assert!(log < 100, "it has {log} MiB");
    assert_eq!(kept(&writer).await.len(), 150);
}
