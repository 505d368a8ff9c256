//! What becomes of changes that share a commit.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use sqlx::Row;

use super::*;

async fn writer() -> (Arc<Writer>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(folder.path().join("file"))
        .create_if_missing(true);
    let mut connection = sqlx::ConnectOptions::connect(&options).await.unwrap();
    connection
        .execute("CREATE TABLE kept (number INTEGER UNIQUE)")
        .await
        .unwrap();
    (Arc::new(Writer::new(connection)), folder)
}

async fn insert(lent: &mut Lent, number: i64) {
    let statement = sqlx::query("INSERT INTO kept VALUES (?)").bind(number);
    let connection = lent.connection().await.unwrap();
    statement.execute(connection).await.unwrap();
}

async fn poll_once<Out>(mut future: Pin<&mut impl Future<Output = Out>>) -> Poll<Out> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

async fn kept(writer: &Writer) -> Vec<i64> {
    let mut lent = writer.turn().await.unwrap();
    let all = sqlx::query_scalar("SELECT number FROM kept ORDER BY number");
    all.fetch_all(lent.connection().await.unwrap())
        .await
        .unwrap()
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
                let connection = second.connection().await.unwrap();
                connection.execute(spoil).await.unwrap();
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

/// Keeps 1 and 2 in one commit, the latter with statements of which one fails. Answers what became
/// of each.
async fn share_with_failing(writer: &Arc<Writer>) -> [Result<(), StoreError>; 2] {
    let mut first = writer.turn().await.unwrap();
    first.then("INSERT INTO kept VALUES (?)").bind(1_i64);
    let second = tokio::spawn({
        let writer = Arc::clone(writer);
        async move {
            let mut second = writer.turn().await.unwrap();
            for number in [2_i64, 1, 3] {
                second.then("INSERT INTO kept VALUES (?)").bind(number);
            }
            second.keep().await
        }
    });
    // It asks for its turn.
    tokio::task::yield_now().await;
    [first.keep().await, second.await.unwrap()]
}

#[tokio::test]
async fn a_change_of_which_one_statement_fails_is_undone_and_no_other() {
    let (writer, _folder) = writer().await;

    let [first, second] = share_with_failing(&writer).await;

    first.unwrap();
    assert!(matches!(second, Err(StoreError::Failed(_))));
    assert_eq!(kept(&writer).await, [1]);
}

#[tokio::test]
async fn what_is_read_fails_with_what_was_to_be_written_before() {
    let (writer, _folder) = writer().await;
    let mut lent = writer.turn().await.unwrap();
    for number in [1_i64, 1] {
        lent.then("INSERT INTO kept VALUES (?)").bind(number);
    }
    lent.ask("SELECT number FROM kept");

    assert!(lent.read(1).await.is_err());

    drop(lent);
    assert!(kept(&writer).await.is_empty());
}

#[tokio::test]
async fn statements_are_done_in_their_order_however_many_are_alike() {
    let (writer, _folder) = writer().await;
    let mut lent = writer.turn().await.unwrap();
    lent.ask("SELECT count(*) FROM kept");
    for number in 1..=5_i64 {
        lent.then("INSERT INTO kept VALUES (?)").bind(number);
    }
    lent.then("UPDATE kept SET number = number + ?")
        .bind(10_i64);
    lent.ask("SELECT number FROM kept WHERE number > ? ORDER BY number")
        .bind(13_i64);
    lent.ask("SELECT count(*) FROM kept");

    let rows = lent.read(2).await.unwrap();

    let numbers: Vec<Vec<i64>> = rows
        .iter()
        .map(|rows| rows.iter().map(|row| row.get(0)).collect())
        .collect();
    assert_eq!(numbers, [vec![14, 15], vec![5]]);
    drop(lent);
    assert!(kept(&writer).await.is_empty(), "it was not kept");
}

#[tokio::test]
async fn a_change_that_is_broken_off_while_it_is_sent_costs_the_others_nothing() {
    let (writer, _folder) = writer().await;
    let mut first = writer.turn().await.unwrap();
    insert(&mut first, 1).await;
    let second = tokio::spawn({
        let writer = Arc::clone(&writer);
        async move {
            let mut second = writer.turn().await.unwrap();
            second.ask("SELECT number FROM kept");
            second.then("INSERT INTO kept VALUES (?)").bind(2_i64);
            let mut sent = pin!(second.read(1));
            // It goes to the thread of the file, and nobody waits for its answer.
            drop(poll_once(sent.as_mut()).await);
        }
    });
    tokio::task::yield_now().await;

    first.keep().await.unwrap();

    second.await.unwrap();
    assert_eq!(kept(&writer).await, [1]);
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
