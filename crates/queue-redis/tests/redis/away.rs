//! Redis is away, loses everything, hangs: the replica goes on as if it were alone, and nothing waits.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;
use windlass_application::ports::signals::Queue;
use windlass_queue_redis::Redis;
use windlass_test_servers::Redis as Server;

use crate::replica::{
    at_once, connected, connection, hear_each_other, hears, organization, pool, prefix, remaining,
    replica, until,
};

/// The replica works as if it were alone.
async fn works_alone(replica: &Redis) {
    let mut listener = replica.listen(&[pool()]);
    at_once("an announcement", replica.announce(&pool())).await;
    at_once("a wake-up", hears(&mut *listener, "who listens here")).await;
    let counted = organization();
    let first = at_once("a count", remaining(replica, counted)).await;
    let second = at_once("a count", remaining(replica, counted)).await;
    assert_eq!((first, second), (99, 98));
}

#[tokio::test]
async fn a_server_that_is_killed_and_comes_back_costs_nothing_but_the_news_of_others() {
    let mut server = Server::start().unwrap();
    let (url, prefix) = (server.url(), prefix());
    let (one, other) = (replica(&url, &prefix), replica(&url, &prefix));
    connected(&url, &prefix, 2).await;

    server.kill().unwrap();
    works_alone(&one).await;
    works_alone(&other).await;
    server.start_again().unwrap();

    hear_each_other(&one, &other).await;
    let counted = organization();
    assert_eq!(remaining(&one, counted).await, 99);
    assert_eq!(
        remaining(&other, counted).await,
        98,
        "counted together again"
    );
}

#[tokio::test]
async fn a_server_that_lost_everything_counts_anew_and_carries_signals_on() {
    let server = Server::start().unwrap();
    let (url, prefix) = (server.url(), prefix());
    let (one, other) = (replica(&url, &prefix), replica(&url, &prefix));
    connected(&url, &prefix, 2).await;
    let counted = organization();
    remaining(&one, counted).await;

    let mut connection = connection(&url).await;
    let flushed: String = redis::cmd("FLUSHALL")
        .query_async(&mut connection)
        .await
        .unwrap();

    assert_eq!(flushed, "OK");
    assert_eq!(remaining(&other, counted).await, 99);
    let mut there = other.listen(&[pool()]);
    one.announce(&pool()).await;
    hears(&mut *there, "who listens to another replica").await;
}

#[tokio::test]
async fn a_server_that_is_not_there_at_the_start_is_used_once_it_is() {
    let mut server = Server::start().unwrap();
    let (url, prefix) = (server.url(), prefix());
    server.kill().unwrap();
    let (one, other) = (replica(&url, &prefix), replica(&url, &prefix));
    works_alone(&one).await;

    server.start_again().unwrap();

    hear_each_other(&one, &other).await;
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for() {
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = silent.local_addr().unwrap();

    let replica = replica(&format!("redis://{address}/"), &prefix());

    for _ in 0..3 {
        works_alone(&replica).await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_and_taken_again() {
    let server = Server::start().unwrap();
    let (url, prefix) = (server.url(), prefix());
    let (one, other) = (replica(&url, &prefix), replica(&url, &prefix));
    connected(&url, &prefix, 2).await;

    server.hang().unwrap();
    let counted = organization();
    for _ in 0..20 {
        at_once("a count", remaining(&one, counted)).await;
    }
    works_alone(&one).await;
    server.go_on().unwrap();

    hear_each_other(&one, &other).await;
}

/// A user that may not count cannot be relied on, which is said instead of a failure each time.
#[tokio::test]
async fn a_user_that_may_not_count_leaves_the_replica_alone() {
    let server = Server::start().unwrap();
    let (url, prefix) = (server.url(), prefix());
    let mut connection = connection(&url).await;
    let rules = ["on", ">hunter2", "~*", "&*", "+@all", "-eval"];
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg("limited").arg(&rules);
    let made: String = command.query_async(&mut connection).await.unwrap();
    assert_eq!(made, "OK");
    let (_, place) = url.split_once('@').unwrap();

    let replica = replica(&format!("redis://limited:hunter2@{place}"), &prefix);

    works_alone(&replica).await;
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// How many lines have all of these in them.
    fn lines_with(&self, parts: &[&str]) -> usize {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let log = String::from_utf8_lossy(&log);
        let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
        log.lines().filter(has_all).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn an_outage_is_said_once_and_so_is_its_end_without_the_password() {
    let log = Log::default();
    // Of the whole process, since a subscriber of one thread may miss what others have logged first.
    tracing_subscriber::fmt()
        .with_writer(log.clone())
        .with_ansi(false)
        .init();
    let mut server = Server::start().unwrap();
    let (url, prefix) = (server.url(), prefix());
    let address = url.split(['@', '/']).nth(3).unwrap();
    let said = |what| log.lines_with(&[what, address]);
    let replica = replica(&url, &prefix);
    connected(&url, &prefix, 1).await;

    server.kill().unwrap();
    until("the outage is said".to_owned(), async || {
        said("is away") > 0
    })
    .await;
    for _ in 0..50 {
        works_alone(&replica).await;
    }
    server.start_again().unwrap();
    until("its end is said".to_owned(), async || {
        said("carries signals") == 2
    })
    .await;

    assert_eq!(said("is away"), 1);
    let password = url.split([':', '@']).nth(2).unwrap();
    assert_eq!(password.len(), 32);
    assert_eq!(log.lines_with(&[password]), 0);
}

#[tokio::test]
async fn an_address_with_an_s_begins_with_a_tls_handshake() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let first = tokio::task::spawn_blocking(move || {
        let mut first = [0];
        let (mut connection, _) = listener.accept().unwrap();
        connection.read_exact(&mut first).unwrap();
        first[0]
    });

    let replica = replica(&format!("rediss://{address}/"), &prefix());

    assert_eq!(
        first.await.unwrap(),
        0x16,
        "the type of a handshake's record"
    );
    works_alone(&replica).await;
}
