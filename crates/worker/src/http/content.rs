//! A content on its way to the server. It is kept here until it has arrived: an agent gives it once, and
//! a network may want it twice.

use std::io::{self, Write};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use http_body::Frame;
use http_body_util::StreamBody;
use reqwest::Body;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::io::ReaderStream;

/// The longest content that is kept in memory, in bytes. The rest of a longer one lies in a temporary
/// file, which nobody else may read.
const IN_MEMORY: usize = 1024 * 1024;

/// What is handed to the connection in one piece, in bytes: a slow network takes some seconds for it.
const PIECE: usize = 64 * 1024;

/// A content, whole.
pub(super) struct Content {
    /// What is sent before the content and is no part of it.
    before: Bytes,
    /// Its beginning, or all of it.
    start: Bytes,
    rest: Option<NamedTempFile>,
    sha256: String,
    /// How many bytes were taken from here, in the try that has come furthest. Told of each piece that is
    /// taken, in any try.
    taken: watch::Sender<u64>,
}

impl Content {
    /// Takes all of it.
    ///
    /// # Errors
    /// It breaks off, or this machine has no room for it.
    pub(super) async fn keep(
        before: Vec<u8>,
        mut content: BoxStream<'static, io::Result<Bytes>>,
    ) -> io::Result<Self> {
        let (mut start, mut rest, mut hash) = (BytesMut::new(), None, Sha256::new());
        while let Some(bytes) = content.try_next().await? {
            hash.update(&bytes);
            if rest.is_none() && start.len() + bytes.len() <= IN_MEMORY {
                start.extend_from_slice(&bytes);
            } else {
                rest = Some(with(rest, bytes).await?);
            }
        }
        Ok(Self {
            before: before.into(),
            start: start.freeze(),
            rest,
            sha256: hexadecimal(&hash.finalize()),
            taken: watch::Sender::default(),
        })
    }

    /// What its bytes are told from others by, in hexadecimal digits.
    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }

    /// How far the try came that has come furthest, in bytes.
    pub(super) fn furthest(&self) -> u64 {
        *self.taken.borrow()
    }

    /// Returns once nothing was taken for so long.
    pub(super) async fn stalls_for(&self, time: Duration) {
        let mut taken = self.taken.subscribe();
        // The sender is this content's own.
        while let Ok(Ok(())) = timeout(time, taken.changed()).await {}
    }

    /// All that is to be sent.
    ///
    /// # Errors
    /// What was kept cannot be read.
    pub(super) fn body(&self) -> io::Result<Body> {
        if self.rest.is_none() && self.before.len() + self.start.len() <= PIECE {
            return Ok(Body::from([&self.before[..], &self.start[..]].concat()));
        }
        let in_memory = [self.before.clone(), self.start.clone()];
        let pieces: Vec<_> = in_memory.into_iter().flat_map(pieces).map(Ok).collect();
        // With a place of its own in the file: an earlier try may still be reading.
        let rest = self.rest.as_ref().map(NamedTempFile::reopen).transpose()?;
        let rest =
            rest.map(|rest| ReaderStream::with_capacity(tokio::fs::File::from_std(rest), PIECE));
        let (taken, mut length) = (self.taken.clone(), 0);
        let parts = stream::iter(pieces)
            .chain(stream::iter(rest).flatten())
            .inspect_ok(move |piece: &Bytes| {
                length += piece.len() as u64;
                taken.send_modify(|furthest| *furthest = length.max(*furthest));
            })
            .map_ok(Frame::data);
        Ok(Body::wrap(StreamBody::new(parts)))
    }
}

/// These bytes in pieces, as they are handed to the connection.
fn pieces(mut bytes: Bytes) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || (!bytes.is_empty()).then(|| bytes.split_to(bytes.len().min(PIECE))))
}

/// The file with these bytes at its end.
async fn with(file: Option<NamedTempFile>, bytes: Bytes) -> io::Result<NamedTempFile> {
    let written = spawn_blocking(move || {
        let mut file = file.map_or_else(NamedTempFile::new, Ok)?;
        file.write_all(&bytes)?;
        Ok(file)
    });
    written.await.map_err(io::Error::other)?
}

/// Bytes in hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use secrecy::SecretString;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use windlass_domain::Timestamp;
    use windlass_domain::file::Extraction;
    use windlass_domain::id::{Random, RunId};
    use windlass_domain::run::Epoch;

    use super::*;
    use crate::http::{HttpProtocol, SENDING};
    use crate::protocol::{CapturedFile, LeaseKey, Protocol, ProtocolError};

    #[tokio::test]
    async fn a_long_content_can_be_sent_as_often_as_it_takes() {
        let part = Bytes::from(vec![7; IN_MEMORY / 2 + 1]);
        let parts: Vec<_> = (0..5).map(|_| Ok(part.clone())).collect();

        let kept = Content::keep(b"data".to_vec(), stream::iter(parts).boxed()).await;

        let kept = kept.unwrap();
        let content = part.repeat(5);
        assert_eq!(kept.furthest(), 0);
        assert_eq!(kept.sha256(), hexadecimal(&Sha256::digest(&content)));
        for _ in 0..2 {
            let sent = kept.body().unwrap().collect().await.unwrap().to_bytes();
            assert_eq!(sent.len(), content.len() + 4);
            assert!(sent.starts_with(b"data") && sent.ends_with(&content));
        }
        assert_eq!(kept.furthest(), content.len() as u64 + 4, "of one try");
    }

    /// Reads a request of a short body whole.
    async fn request(stream: &mut TcpStream) -> String {
        let mut received = String::new();
        while !received.ends_with("\r\n\r\nnullabc") {
            received.push(char::from(stream.read_u8().await.unwrap()));
        }
        received
    }

    fn file() -> CapturedFile {
        CapturedFile {
            file_name: "a b.pdf".to_owned(),
            file_type: "application/pdf".to_owned(),
            metadata: None,
            extraction: Extraction::Failed,
            content: stream::iter([Ok("abc".into())]).boxed(),
        }
    }

    fn lease() -> LeaseKey {
        LeaseKey {
            run_id: RunId::new(Timestamp::EPOCH, Random([1; 10])),
            epoch: Epoch(3),
        }
    }

    #[tokio::test]
    async fn a_server_that_takes_a_file_and_says_nothing_is_not_waited_for_as_long_as_one_that_takes_it()
     {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            // Until the other side has had enough.
            stream.read_u8().await
        });
        let mut protocol = HttpProtocol::new(&url, SecretString::from("sk_test_1")).unwrap();
        protocol.again = Duration::from_millis(300);

        let kept = timeout(SENDING / 2, protocol.store_file(lease(), file())).await;

        let refused = kept.expect("it ends").map(|_| ());
        assert!(
            matches!(refused, Err(ProtocolError::Unavailable { .. })),
            "{refused:?}"
        );
        drop(protocol);
        assert!(server.await.unwrap().is_err(), "the call is broken off");
    }

    /// A file of some hundred kilobytes, over a network that takes longer for it than a silent server is
    /// waited for.
    #[tokio::test]
    async fn a_file_has_the_time_that_it_takes_as_long_as_it_goes_on() {
        let again = Duration::from_millis(300);
        let content = Bytes::from(vec![7; 12 * PIECE]);
        let kept = Content::keep(Vec::new(), stream::iter([Ok(content)]).boxed()).await;
        let kept = kept.unwrap();

        let mut sent = kept.body().unwrap();
        let began = std::time::Instant::now();
        let slowly = async {
            while let Some(piece) = sent.frame().await {
                piece.unwrap();
                tokio::time::sleep(again / 6).await;
            }
        };
        tokio::select! {
            () = slowly => {}
            () = kept.stalls_for(again) => panic!("given up after {:?}", began.elapsed()),
        }

        assert!(began.elapsed() > again, "it takes longer");
        timeout(again * 20, kept.stalls_for(again)).await.unwrap();
    }

    #[tokio::test]
    async fn a_file_whose_answer_is_lost_is_sent_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut unanswered, _) = listener.accept().await.unwrap();
            let first = request(&mut unanswered).await;
            drop(unanswered);
            let (mut stream, _) = listener.accept().await.unwrap();
            let second = request(&mut stream).await;
            let body = r#"{"id": null, "object": "storage", "sha256": null, "cancel": false,
                "request_id": "req_1"}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            [first, second]
        });
        let protocol = HttpProtocol::new(&url, SecretString::from("sk_test_1")).unwrap();

        protocol.store_file(lease(), file()).await.unwrap();

        for received in server.await.unwrap() {
            for part in [
                "authorization: Bearer sk_test_1\r\n",
                "windlass-epoch: 3\r\n",
                "windlass-file-name: a%20b.pdf\r\n",
                "windlass-extraction-bytes: 4\r\n",
                "windlass-sha256: \
                 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\r\n",
            ] {
                assert!(received.contains(part), "{part:?} is not in {received}");
            }
        }
    }
}
