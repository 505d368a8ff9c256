//! Receivers that do with a connection what no web framework lets one do.

use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What a receiver does once a request has come whole.
#[derive(Debug, Clone, Copy)]
pub(super) enum Manner {
    /// Writes this and closes.
    Answer(&'static str),
    /// Writes this and keeps the connection open.
    AnswerAndStay(&'static str),
    /// Keeps the connection open and writes nothing.
    Silent,
    /// Writes headers without end, slowly.
    EndlessHead,
    /// Writes a body without end, fast.
    EndlessBody,
    /// Closes its own side and goes on to read.
    HalfClose,
}

pub(super) struct Receiver {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<(HeaderMap, Vec<u8>)>,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub(super) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                // What is no HTTP, such as the first word of TLS, is answered all the same.
                if let Some(request) = read(&mut connection).await {
                    sender.send(request).unwrap();
                }
                behave(connection, manner).await;
            }
        });
        Self {
            address,
            requests,
            serving,
        }
    }

    /// An address that nobody listens at.
    pub(super) async fn free_address() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/windlass", self.address)
    }

    /// The next request that came.
    pub(super) async fn request(&mut self) -> (HeaderMap, Vec<u8>) {
        self.requests.recv().await.unwrap()
    }

    pub(super) fn was_left_alone(&mut self) -> bool {
        self.requests.try_recv().is_err()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A request's headers and body; None where the first line is not one of HTTP.
async fn read(connection: &mut TcpStream) -> Option<(HeaderMap, Vec<u8>)> {
    let mut read = Vec::new();
    let head = loop {
        if connection.read_buf(&mut read).await.unwrap() == 0 {
            return None;
        }
        if !read.starts_with(b"POST ") {
            return None;
        }
        if let Some(end) = read.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
    };
    let mut headers = HeaderMap::new();
    for line in std::str::from_utf8(&read[..head]).unwrap().lines().skip(1) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(
            name.parse::<HeaderName>().unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    let mut body = read.split_off(head + 4);
    while body.len() < length {
        assert_ne!(connection.read_buf(&mut body).await.unwrap(), 0);
    }
    Some((headers, body))
}

/// Ends when the sender has gone, which a receiver learns by a write or a read.
async fn behave(mut connection: TcpStream, manner: Manner) {
    match manner {
        Manner::Answer(answer) => connection.write_all(answer.as_bytes()).await.unwrap(),
        Manner::AnswerAndStay(answer) => {
            connection.write_all(answer.as_bytes()).await.unwrap();
            drained(&mut connection).await;
        }
        Manner::Silent => drained(&mut connection).await,
        Manner::EndlessHead => {
            repeat(
                &mut connection,
                b"HTTP/1.1 200 OK\r\n",
                b"x-more: of it\r\n",
            )
            .await;
        }
        Manner::EndlessBody => {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n";
            repeat(&mut connection, head, &[b'x'; 64 * 1024]).await;
        }
        Manner::HalfClose => {
            connection.shutdown().await.unwrap();
            drained(&mut connection).await;
        }
    }
}

async fn drained(connection: &mut TcpStream) {
    let mut rest = [0; 1024];
    while matches!(connection.read(&mut rest).await, Ok(read) if read > 0) {}
}

async fn repeat(connection: &mut TcpStream, head: &[u8], more: &[u8]) {
    let mut next = head;
    while connection.write_all(next).await.is_ok() {
        next = more;
        if more.len() < 1024 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}
