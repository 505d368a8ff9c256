//! A content on its way to the server, with its checksum behind it: it is sent while it comes, so that
//! nobody knows it before.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use http_body::{Body, Frame};
use reqwest::header::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};
use windlass_wire::worker::activity::SHA256;

/// A content that is streamed, and a trailer with its SHA-256.
pub(super) struct Content {
    /// What comes before the content and is no part of it.
    first: Option<Bytes>,
    /// Only ever asked through `&mut`; a body must be `Sync`, and a stream is not.
    content: Mutex<BoxStream<'static, io::Result<Bytes>>>,
    /// None once the trailer is sent.
    hash: Option<Sha256>,
    broke: Broke,
}

/// Why the content itself broke off, where it did.
#[derive(Clone, Default)]
pub(super) struct Broke(Arc<OnceLock<String>>);

impl Broke {
    pub(super) fn why(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

impl Content {
    pub(super) fn new(
        first: Option<Vec<u8>>,
        content: BoxStream<'static, io::Result<Bytes>>,
    ) -> (Self, Broke) {
        let broke = Broke::default();
        let content = Self {
            first: first.filter(|first| !first.is_empty()).map(Bytes::from),
            content: Mutex::new(content),
            hash: Some(Sha256::new()),
            broke: broke.clone(),
        };
        (content, broke)
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if self.hash.is_none() {
            return Poll::Ready(None);
        }
        let content = match self.content.get_mut() {
            Ok(content) => content,
            Err(poisoned) => poisoned.into_inner(),
        };
        let next = ready!(content.poll_next_unpin(context));
        Poll::Ready(match next {
            Some(Ok(bytes)) => {
                if let Some(hash) = &mut self.hash {
                    hash.update(&bytes);
                }
                Some(Ok(Frame::data(bytes)))
            }
            Some(Err(error)) => {
                // The first word of it is the one that counts.
                let _ = self.broke.0.set(error.to_string());
                self.hash = None;
                Some(Err(error))
            }
            None => self.hash.take().map(|hash| {
                let mut trailers = HeaderMap::new();
                if let Ok(value) = HeaderValue::from_str(&hexadecimal(&hash.finalize())) {
                    trailers.insert(SHA256, value);
                }
                Ok(Frame::trailers(trailers))
            }),
        })
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use secrecy::SecretString;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use windlass_domain::Timestamp;
    use windlass_domain::file::Extraction;
    use windlass_domain::id::{Random, RunId};
    use windlass_domain::run::Epoch;

    use super::*;
    use crate::http::HttpProtocol;
    use crate::protocol::{CapturedFile, LeaseKey, Protocol};

    /// What a server gets of a request whose body is in chunks.
    async fn received(listener: TcpListener) -> io::Result<String> {
        let (mut stream, _) = listener.accept().await?;
        let mut received = Vec::new();
        // The last chunk has no bytes, and trailers end with an empty line.
        while !(received.ends_with(b"\r\n\r\n") && memory_has(&received, b"\r\n0\r\n")) {
            received.push(stream.read_u8().await?);
        }
        let body = r#"{"storage_id": null, "cancel": false, "request_id": "req_1"}"#;
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all((head + body).as_bytes()).await?;
        Ok(String::from_utf8_lossy(&received).into_owned())
    }

    fn memory_has(bytes: &[u8], part: &[u8]) -> bool {
        bytes.windows(part.len()).any(|window| window == part)
    }

    #[tokio::test]
    async fn a_file_goes_in_chunks_with_its_checksum_behind_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(received(listener));
        let protocol = HttpProtocol::new(&url, SecretString::from("sk_test_1")).unwrap();
        let file = CapturedFile {
            file_name: "a b.pdf".to_owned(),
            file_type: "application/pdf".to_owned(),
            metadata: None,
            extraction: Extraction::Failed,
            content: Box::pin(stream::iter([Ok("abc".into())])),
        };
        let lease = LeaseKey {
            run_id: RunId::new(Timestamp::EPOCH, Random([1; 10])),
            epoch: Epoch(3),
        };

        protocol.store_file(lease, file).await.unwrap();

        let received = server.await.unwrap().unwrap();
        for part in [
            "authorization: Bearer sk_test_1\r\n",
            "windlass-epoch: 3\r\n",
            "windlass-file-name: a%20b.pdf\r\n",
            "windlass-extraction-bytes: 4\r\n",
            "\r\nnull\r\n",
            "\r\nabc\r\n0\r\nwindlass-sha256: \
             ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\r\n\r\n",
        ] {
            assert!(received.contains(part), "{part:?} is not in {received}");
        }
    }
}
