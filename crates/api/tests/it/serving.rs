//! The accept loop: what is slow or too large is cut, and what is under way is answered at the end.

use std::net::SocketAddr;
use std::time::Duration;

use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use windlass_api::{ServeLimits, serve};

use crate::fixture::Fixture;

/// Serves it at this address.
pub(crate) async fn served(fixture: &Fixture) -> (SocketAddr, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ServeLimits {
        header_read_timeout: Duration::from_millis(300),
        write_timeout: Duration::from_millis(300),
        ..ServeLimits::default()
    };
    let server = serve(
        listener,
        fixture.router(),
        fixture.drain.clone(),
        limits,
        None,
    );
    (address, tokio::spawn(server))
}

/// All that comes back until the server closes.
async fn sent(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that cuts a connection may reset it.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_head_that_does_not_come_is_not_waited_for() {
    let fixture = Fixture::new().await;
    let (address, _server) = served(&fixture).await;

    let answer = tokio::time::timeout(
        Duration::from_secs(5),
        sent(address, "GET /v2/test HTTP/1.1\r\nHost: x\r\n"),
    );

    assert!(!answer.await.expect("cut within its time").contains("200"));
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let fixture = Fixture::new().await;
    let (address, _server) = served(&fixture).await;

    let filler = "x".repeat(20 * 1024);
    let request = format!("GET /v2/test HTTP/1.1\r\nHost: x\r\nX: {filler}\r\n\r\n");
    let answer = sent(address, &request).await;

    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_to_who_sends_it_whole_first() {
    let fixture = Fixture::new().await;
    let (address, _server) = served(&fixture).await;

    let key = &fixture.key;
    let body = "x".repeat(10 << 20);
    let length = body.len();
    let request = format!(
        "POST /v2/agents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\
         Connection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let answer = sent(address, &request).await;

    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_drain_answers_who_waits_and_ends_the_server() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;
    let (address, server) = served(&fixture).await;
    let key = &fixture.key;
    let request = format!(
        "GET /v2/task-runs/{id}?wait=60 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n"
    );

    let drain = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        fixture.drain.begin();
    };
    let (answer, ()) = tokio::join!(sent(address, &request), drain);

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"status\":\"queued\""), "{answer}");
    server.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn a_drain_takes_calls_as_long_as_something_is_under_way() {
    let fixture = Fixture::new().await;
    let id = fixture.run().await;
    let beside = fixture.drain.beside();
    let (address, server) = served(&fixture).await;
    let key = &fixture.key;
    let asks = |path: &str| {
        let head = format!("Host: x\r\nAuthorization: Bearer {key}\r\n");
        format!("GET {path} HTTP/1.1\r\n{head}\r\n")
    };
    // A connection that says nothing is closed at once: the server is told to stop by then.
    let mut idle = TcpStream::connect(address).await.unwrap();
    fixture.drain.begin();
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);

    // Who comes now waits as ever: to be answered at once, again and again, would be a burden.
    let mut waiting = TcpStream::connect(address).await.unwrap();
    let wait = asks(&format!("/v2/task-runs/{id}?wait=60"));
    waiting.write_all(wait.as_bytes()).await.unwrap();
    let mut other = TcpStream::connect(address).await.unwrap();
    other.write_all(asks("/v2/test").as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    other.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "HTTP/1.1 200");
    assert!(!server.is_finished());
    let nothing = waiting.try_read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);

    drop(beside);
    let mut answer = Vec::new();
    waiting.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("\"status\":\"queued\""), "{answer}");
    server.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}

/// A client that asks again and again and takes no answer is not waited for.
#[tokio::test]
async fn answers_that_are_not_taken_are_not_waited_for() {
    const REQUESTS: usize = 200;
    let fixture = Fixture::new().await;
    let (address, _server) = served(&fixture).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(REQUESTS);
    stream.write_all(request.as_bytes()).await.unwrap();

    // Its own writes come to nothing once the server has let go of it.
    let cut = async {
        while stream
            .write_all(b"GET /openapi.json HTTP/1.1\r\n")
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), cut)
        .await
        .expect("cut within its time");
}

/// What two servers may read as two different requests is refused, or is the last of its connection.
#[rstest]
#[case::two_lengths("Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}")]
#[case::a_list_of_lengths("Content-Length: 2, 40\r\n\r\n{}")]
#[case::a_signed_length("Content-Length: +2\r\n\r\n{}")]
#[case::length_and_chunks("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
#[case::chunks_and_length("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n")]
#[case::another_coding("Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n")]
#[case::chunks_are_not_last("Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n")]
#[case::a_space_before_the_colon("Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n")]
#[case::a_folded_header("X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
#[case::a_chunk_that_is_no_number("Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n")]
#[case::a_nul_in_a_header("X: a\0b\r\n\r\n")]
#[tokio::test]
async fn a_request_that_hides_another_is_the_last_of_its_connection(#[case] rest: &str) {
    let fixture = Fixture::new().await;
    let (address, _server) = served(&fixture).await;
    let key = &fixture.key;
    let head = format!("Host: x\r\nAuthorization: Bearer {key}\r\n");
    let hidden = format!("GET /v2/test HTTP/1.1\r\n{head}\r\n");
    let request = format!("POST /v2/agents HTTP/1.1\r\n{head}{rest}{hidden}");

    let answer = tokio::time::timeout(Duration::from_secs(10), sent(address, &request)).await;

    let answer = answer.expect("the connection is closed");
    assert!(!answer.contains("\"environment\""), "{answer}");
    assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{answer}");
    assert!(!answer.contains("HTTP/1.1 2"), "{answer}");
}

/// What is no HTTP is refused without a look at what follows.
#[rstest]
#[case("\u{16}\u{3}\u{1}\0\u{5}hello\r\n\r\n", 400)]
#[case("GET\r\n\r\n", 400)]
#[case("GET /v2/test HTTP/3.7\r\nHost: x\r\n\r\n", 400)]
#[case("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400)]
#[case::no_host("GET /openapi.json HTTP/1.1\r\n\r\n", 400)]
#[case::no_name("GET /openapi.json HTTP/1.1\r\nHost: a b\r\n\r\n", 400)]
#[case::a_path("GET /openapi.json HTTP/1.1\r\nHost: x/y\r\n\r\n", 400)]
#[case::a_user("GET /openapi.json HTTP/1.1\r\nHost: x@y\r\n\r\n", 400)]
#[case::two_hosts("GET /openapi.json HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400)]
#[case::one_host_twice("GET /openapi.json HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", 400)]
#[tokio::test]
async fn rubbish_is_refused(#[case] rubbish: &str, #[case] status: u16) {
    let fixture = Fixture::new().await;
    let (address, _server) = served(&fixture).await;

    let answer = tokio::time::timeout(Duration::from_secs(10), sent(address, rubbish)).await;

    let answer = answer.expect("the connection is closed");
    assert!(
        answer.is_empty() || answer.starts_with(&format!("HTTP/1.1 {status}")),
        "{answer}"
    );
    assert!(!answer.contains("\r\n\r\nHTTP"), "{answer}");
}

/// HTTP/1.0 knows no host.
#[tokio::test]
async fn an_old_client_need_not_name_the_host() {
    let fixture = Fixture::new().await;
    let (address, _server) = served(&fixture).await;

    let answer = sent(address, "GET /openapi.json HTTP/1.0\r\n\r\n").await;

    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
}
