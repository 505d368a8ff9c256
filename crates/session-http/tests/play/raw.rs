//! A server that writes bytes as a test says, HTTP or not.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is written to one request, and what becomes of the connection then.
#[derive(Clone)]
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Then,
}

#[derive(Clone)]
pub(crate) enum Then {
    /// Nothing more is written, and reading goes on: half of the connection is closed.
    HalfClose,
    /// Nothing more happens.
    Hold,
    /// These are written without end.
    Repeat(Vec<u8>),
}

impl Reply {
    /// A whole answer: status line and headers without the empty line, and a body.
    pub(crate) fn of(head: &str, body: impl AsRef<[u8]>) -> Self {
        Self::cut(head, body, Then::HalfClose)
    }

    pub(crate) fn cut(head: &str, body: impl AsRef<[u8]>, then: Then) -> Self {
        let mut bytes = format!("HTTP/1.1 {head}\r\n\r\n").into_bytes();
        bytes.extend(body.as_ref());
        Self { bytes, then }
    }

    /// Bytes that need not be HTTP.
    pub(crate) fn raw(bytes: impl AsRef<[u8]>, then: Then) -> Self {
        Self {
            bytes: bytes.as_ref().to_vec(),
            then,
        }
    }
}

/// Starts a server that answers each request, of which it is told the head; its address.
pub(crate) async fn serve(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    // It ends with the test's runtime.
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move { talk(connection, answer.as_ref()).await });
        }
    });
    format!("http://{address}")
}

/// A client that goes away in the middle is the client's matter.
async fn talk(mut connection: TcpStream, answer: &(dyn Fn(&str) -> Reply + Send + Sync)) {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match connection.read_buf(&mut head).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let Reply { bytes, then } = answer(&String::from_utf8_lossy(&head));
    if connection.write_all(&bytes).await.is_err() {
        return;
    }
    match then {
        Then::HalfClose => {
            if connection.shutdown().await.is_ok() {
                drop(connection.read_to_end(&mut Vec::new()).await);
            }
        }
        Then::Hold => drop(connection.read_to_end(&mut Vec::new()).await),
        Then::Repeat(piece) => while connection.write_all(&piece).await.is_ok() {},
    }
}
