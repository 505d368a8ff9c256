//! What replicas hear of each other.

use std::time::Duration;

use windlass_application::ports::limits::Limits;
use windlass_application::ports::signals::{Queue, Signals, Topic};
use windlass_application::random::random;
use windlass_domain::Timestamp;
use windlass_domain::id::{RunId, SessionId, WorkerId};
use windlass_domain::lifecycle::Signal;
use windlass_domain::pool::Pool;
use windlass_domain::run::Holder;

use crate::replica::{
    connected, connection, hears, hears_nothing, organization, pool, prefix, remaining, replica,
    shared_url, until,
};

#[tokio::test]
async fn a_run_that_is_announced_wakes_the_workers_of_every_replica() {
    let (url, prefix) = (shared_url(), prefix());
    let (one, other) = (replica(&url, &prefix), replica(&url, &prefix));
    connected(&url, &prefix, 2).await;
    let another_pool = Pool::default_pool();
    let (mut here, mut there) = (
        Queue::listen(&one, &[pool()]),
        Queue::listen(&other, &[pool()]),
    );
    let mut elsewhere = Queue::listen(&other, &[another_pool]);

    one.announce(&pool()).await;

    hears(&mut *here, "who listens to the replica that announced it").await;
    hears(&mut *there, "who listens to another").await;
    hears_nothing(&mut *here, "who has heard it already").await;
    hears_nothing(&mut *elsewhere, "who listens to another pool").await;
}

#[tokio::test]
async fn each_signal_reaches_its_topic_on_another_replica() {
    let (url, prefix) = (shared_url(), prefix());
    let (one, other) = (replica(&url, &prefix), replica(&url, &prefix));
    connected(&url, &prefix, 2).await;
    let run_id = RunId::new(Timestamp::EPOCH, random());
    let session_id = SessionId::new(Timestamp::EPOCH, random());
    let worker_id = WorkerId::new(Timestamp::EPOCH, random());
    let holder = Holder {
        worker_id,
        incarnation: 2,
    };
    for (signal, topic) in [
        (Signal::RunChanged { run_id }, Topic::Run(run_id)),
        (
            Signal::SessionChanged { session_id },
            Topic::Session(session_id),
        ),
        (Signal::Stop { holder, run_id }, Topic::Worker(worker_id)),
    ] {
        let mut listener = Signals::listen(&other, &[topic]);

        one.send(&[Signal::Ready { pool: pool() }, signal]).await;

        hears(&mut *listener, "who listens on the other replica").await;
    }
}

#[tokio::test]
async fn requests_are_counted_together_and_the_counter_goes_with_its_window() {
    let (url, prefix) = (shared_url(), prefix());
    let (one, other) = (replica(&url, &prefix), replica(&url, &prefix));
    connected(&url, &prefix, 2).await;
    let counted = organization();

    assert_eq!(remaining(&one, counted).await, 99);
    assert_eq!(remaining(&other, counted).await, 98);
    assert_eq!(remaining(&one, counted).await, 97);

    let brief = organization();
    let rate = one.count(brief, 1, Duration::from_millis(300)).await;
    assert!(!rate.exceeded && rate.resets_in <= Duration::from_millis(300));
    assert!(
        other
            .count(brief, 1, Duration::from_millis(300))
            .await
            .exceeded
    );
    let key = format!("{prefix}:rate:{brief}");
    let mut connection = connection(&url).await;
    until("the counter goes".to_owned(), async || {
        let mut command = redis::cmd("EXISTS");
        let there: bool = command
            .arg(&key)
            .query_async(&mut connection)
            .await
            .unwrap();
        !there
    })
    .await;
    assert!(
        !one.count(brief, 1, Duration::from_millis(300))
            .await
            .exceeded
    );
}

#[tokio::test]
async fn two_installations_share_a_server_and_nothing_else() {
    let url = shared_url();
    let prefixes = [prefix(), prefix()];
    let (one, other) = (replica(&url, &prefixes[0]), replica(&url, &prefixes[1]));
    for prefix in &prefixes {
        connected(&url, prefix, 1).await;
    }
    let counted = organization();
    let mut there = Queue::listen(&other, &[pool()]);

    one.announce(&pool()).await;

    hears_nothing(&mut *there, "who listens to another installation").await;
    assert_eq!(remaining(&one, counted).await, 99);
    assert_eq!(remaining(&other, counted).await, 99);
}
