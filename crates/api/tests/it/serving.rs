//! The accept loop: what is slow or too large is cut, and what is under way is answered at the end.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use windlass_api::{ServeLimits, serve};

use crate::fixture::Fixture;

async fn served(fixture: &Fixture) -> (SocketAddr, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ServeLimits {
        header_read_timeout: Duration::from_millis(300),
        ..ServeLimits::default()
    };
    let server = serve(listener, fixture.router(), fixture.drain.clone(), limits);
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
