//! A replica, and what its listeners hear.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use tokio::time::{sleep, timeout};
use windlass_application::ports::limits::Limits;
use windlass_application::ports::signals::{Listener, Queue};
use windlass_application::random;
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;
use windlass_domain::pool::Pool;
use windlass_queue_local::{LocalLimits, LocalQueue, LocalSignals};
use windlass_queue_redis::{Local, Redis};
use windlass_test_servers::REDIS_URL;

/// What must come comes within this, on a machine that is busy with other tests, too.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// No call of a port takes longer, whatever Redis does: a quarter of a second, and patience.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(600);

const A_WHILE: Duration = Duration::from_millis(100);

/// So long that no test lives to see its end.
pub(crate) const WINDOW: Duration = Duration::from_secs(3600);

/// The server that all tests share.
pub(crate) fn shared_url() -> String {
    let hint = "`cargo xtask test` sets it, or: eval \"$(cargo xtask services up)\"";
    std::env::var(REDIS_URL).unwrap_or_else(|_| panic!("{REDIS_URL} is not set: {hint}"))
}

/// A prefix that no other test has.
pub(crate) fn prefix() -> String {
    format!("test-{:032x}", u128::from_be_bytes(random::bytes()))
}

pub(crate) fn replica(url: &str, prefix: &str) -> Redis {
    let local = Local {
        queue: Arc::new(LocalQueue::default()),
        signals: Arc::new(LocalSignals::default()),
        limits: Arc::new(LocalLimits::default()),
    };
    Redis::new(url, prefix, local).expect("an address")
}

/// A connection of the test's own.
pub(crate) async fn connection(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).expect("an address");
    let connection = client.get_multiplexed_async_connection().await;
    connection.expect("Redis answers")
}

/// Waits until so many replicas of this prefix hear each other.
pub(crate) async fn connected(url: &str, prefix: &str, replicas: usize) {
    let mut connection = connection(url).await;
    let channel = format!("{prefix}:signals");
    until(format!("{replicas} replicas hear each other"), async || {
        let mut command = redis::cmd("PUBSUB");
        command.arg("NUMSUB").arg(&channel);
        let heard: (String, usize) = command
            .query_async(&mut connection)
            .await
            .expect("an answer");
        heard.1 == replicas
    })
    .await;
    // They hear before they have tried whether they may count, and tell only after.
    let key = format!("{prefix}:rate:try");
    until("each has tried to count".to_owned(), async || {
        let mut command = redis::cmd("GET");
        let tried: Option<usize> = command
            .arg(&key)
            .query_async(&mut connection)
            .await
            .expect("an answer");
        tried.is_some_and(|tried| tried >= replicas)
    })
    .await;
    sleep(A_WHILE).await;
}

pub(crate) async fn until(what: String, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) async fn hears(listener: &mut dyn Listener, who: &str) {
    let heard = timeout(SOON, listener.heard()).await;
    assert!(heard.is_ok(), "{who} hears of it");
}

pub(crate) async fn hears_nothing(listener: &mut dyn Listener, who: &str) {
    let heard = timeout(A_WHILE, listener.heard()).await;
    assert!(heard.is_err(), "{who} hears nothing");
}

/// Two replicas hear each other again: announced until it is heard, since the way may open at any
/// moment.
pub(crate) async fn hear_each_other(one: &Redis, other: &Redis) {
    for (teller, hearer) in [(one, other), (other, one)] {
        let mut listener = hearer.listen(&[pool()]);
        until("news of the other replica come".to_owned(), async || {
            teller.announce(&pool()).await;
            timeout(A_WHILE, listener.heard()).await.is_ok()
        })
        .await;
    }
}

/// The rest of an organization's requests, out of a hundred, after one more.
pub(crate) async fn remaining(replica: &Redis, organization_id: OrganizationId) -> u32 {
    replica.count(organization_id, 100, WINDOW).await.remaining
}

/// Does what a call does without waiting.
pub(crate) async fn at_once<T>(what: &str, call: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = call.await;
    assert!(
        started.elapsed() < AT_ONCE,
        "{what} took {:?}",
        started.elapsed()
    );
    done
}

pub(crate) fn pool() -> Pool {
    Pool::builtin()
}

pub(crate) fn organization() -> OrganizationId {
    OrganizationId::new(Timestamp::EPOCH, random::random())
}
