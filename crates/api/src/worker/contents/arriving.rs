//! A content on its way: checked while it comes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream::{self, BoxStream, StreamExt};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use windlass_domain::file::MAX_FILE_BYTES;
use windlass_wire::worker::activity::SHA256;

use super::head::digest;
use crate::wait::SENDING;

/// How long a content may say nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// For how long a content is read whose answer is known. A client that sends all of it before it looks for
/// the answer would find its connection reset instead.
const UNWANTED_TIME: Duration = Duration::from_secs(10);

/// A content came that is not the one that was told.
#[derive(Debug, thiserror::Error)]
#[error("the content has another SHA-256 than was told")]
struct AnotherContent;

/// Whether this is what is wrong.
pub(super) fn is_another(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<AnotherContent>())
}

/// A content on its way.
#[derive(Clone)]
pub(super) struct Content(Arc<Mutex<Arriving>>);

struct Arriving {
    body: Body,
    /// Until when all of it has to be here.
    until: Instant,
    /// What has arrived and was not asked for yet.
    ahead: Option<Bytes>,
    is_over: bool,
    hash: Sha256,
    sha256: Option<[u8; 32]>,
}

impl Content {
    pub(super) fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Arriving {
            body,
            until: Instant::now() + SENDING,
            ahead: None,
            is_over: false,
            hash: Sha256::new(),
            sha256: None,
        })))
    }

    /// It must have this SHA-256.
    pub(super) async fn check_by(&self, sha256: Option<[u8; 32]>) {
        self.0.lock().await.sha256 = sha256;
    }

    /// The bytes before the content, fewer where it ends before; they are no part of it.
    pub(super) async fn first(&self, length: usize) -> io::Result<Vec<u8>> {
        let mut arriving = self.0.lock().await;
        let mut first = Vec::with_capacity(length);
        while first.len() < length {
            let Some(mut bytes) = arriving.frame().await? else {
                break;
            };
            first.extend_from_slice(&bytes.split_to(bytes.len().min(length - first.len())));
            arriving.ahead = Some(bytes).filter(|bytes| !bytes.is_empty());
        }
        Ok(first)
    }

    /// What is left of it, checked at its end.
    pub(super) fn stream(&self) -> BoxStream<'static, io::Result<Bytes>> {
        let content = self.clone();
        stream::try_unfold(content, |content| async move {
            let next = content.0.lock().await.checked().await?;
            Ok(next.map(|bytes| (bytes, content)))
        })
        .boxed()
    }

    /// The rest is kept nowhere. The SHA-256 of what arrived, where that was all of it.
    pub(super) async fn drop_rest(&self) -> Option<[u8; 32]> {
        let mut arriving = self.0.lock().await;
        let mut length = 0;
        while length <= MAX_FILE_BYTES
            && let Ok(Some(bytes)) = arriving.frame().await
        {
            arriving.hash.update(&bytes);
            length += bytes.len() as u64;
        }
        arriving.arrived()
    }

    /// The SHA-256 of what arrived, where that was all of it.
    pub(super) async fn arrived(&self) -> Option<[u8; 32]> {
        self.0.lock().await.arrived()
    }

    /// The same behind the answer, which who sends it need not come to its end for. Who sends for longer
    /// finds the connection closed.
    pub(super) async fn drop_rest_meanwhile(self, stop: CancellationToken) {
        let dropping = timeout(UNWANTED_TIME, self.drop_rest());
        stop.run_until_cancelled(dropping).await;
    }
}

impl Arriving {
    fn arrived(&self) -> Option<[u8; 32]> {
        self.is_over.then(|| self.hash.clone().finalize().into())
    }

    async fn checked(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(bytes) = self.frame().await? {
            self.hash.update(&bytes);
            return Ok(Some(bytes));
        }
        let arrived: [u8; 32] = self.hash.clone().finalize().into();
        match self.sha256 {
            Some(told) if told != arrived => {
                Err(io::Error::new(io::ErrorKind::InvalidData, AnotherContent))
            }
            Some(_) | None => Ok(None),
        }
    }

    async fn frame(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(bytes) = self.ahead.take() {
            return Ok(Some(bytes));
        }
        while !self.is_over {
            let until = self.until.min(Instant::now() + SILENCE);
            let frame = timeout_at(until, self.body.frame()).await;
            let Some(frame) = frame.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))? else {
                self.is_over = true;
                break;
            };
            match frame.map_err(io::Error::other)?.into_data() {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(other) => {
                    if let Some(told) = other.trailers_ref().and_then(|it| it.get(SHA256)) {
                        // One that cannot be read is no content's.
                        self.sha256 = Some(digest(told.as_bytes()).unwrap_or_default());
                    }
                }
            }
        }
        Ok(None)
    }
}
