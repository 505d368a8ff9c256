//! The body of an answer, unpacked as its `Content-Encoding` says.
//!
//! This is done here and not by the HTTP client, which takes any window that a zstd body asks for:
//! 128 MiB for a body of a few bytes.

use std::io;
use std::pin::Pin;

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;
use tokio::io::{AsyncRead, AsyncReadExt, BufReader};
use tokio_util::io::{ReaderStream, StreamReader};

/// What the header of each request offers.
pub(crate) const ACCEPTED_ENCODINGS: &str = "gzip, br, zstd";

/// The largest window of a zstd body, as a power of two: 8 MiB, which RFC 9659 asks for.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How much of a file is passed on at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The unpacked body.
pub(crate) struct Body {
    reader: Pin<Box<dyn AsyncRead + Send>>,
    packed: bool,
}

/// Why a body cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// The connection broke, or its end came too early.
    Connection(reqwest::Error),
    Broken,
    /// It is not packed as it says.
    Packing,
}

/// An encoding that was not offered, such as two of them around each other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownEncoding;

impl Body {
    /// # Errors
    /// Where it is packed in a way that nobody offered.
    pub(crate) fn of(response: Response) -> Result<Self, UnknownEncoding> {
        let mut encodings = response.headers().get_all(CONTENT_ENCODING).iter();
        let encoding = match (encodings.next(), encodings.next()) {
            (None, _) => String::new(),
            (Some(one), None) => one
                .to_str()
                .map_err(|_| UnknownEncoding)?
                .trim()
                .to_ascii_lowercase(),
            (Some(_), Some(_)) => return Err(UnknownEncoding),
        };
        let stream = StreamReader::new(response.bytes_stream().map_err(io::Error::other));
        let reader: Pin<Box<dyn AsyncRead + Send>> = match encoding.as_str() {
            "" | "identity" => Box::pin(stream),
            "gzip" | "x-gzip" => {
                let mut decoder = GzipDecoder::new(BufReader::new(stream));
                decoder.multiple_members(true);
                Box::pin(decoder)
            }
            "deflate" => Box::pin(ZlibDecoder::new(BufReader::new(stream))),
            "br" => Box::pin(BrotliDecoder::new(BufReader::new(stream))),
            "zstd" => {
                let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX)];
                Box::pin(ZstdDecoder::with_params(BufReader::new(stream), &window))
            }
            _ => return Err(UnknownEncoding),
        };
        let packed = !matches!(encoding.as_str(), "" | "identity");
        Ok(Self { reader, packed })
    }

    /// All of it; None where it has more than `most_bytes`.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) async fn whole(self, most_bytes: usize) -> Result<Option<Vec<u8>>, Unreadable> {
        let mut whole = Vec::new();
        // One byte more tells a body that is too long from one that is just as long.
        let most = u64::try_from(most_bytes)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let read = self.reader.take(most).read_to_end(&mut whole).await;
        read.map_err(|error| unreadable(error, self.packed))?;
        Ok((whole.len() <= most_bytes).then_some(whole))
    }

    /// Piece by piece.
    pub(crate) fn pieces(self) -> impl Stream<Item = Result<Bytes, Unreadable>> + Send {
        let packed = self.packed;
        ReaderStream::with_capacity(self.reader, CHUNK_BYTES)
            .map_err(move |error| unreadable(error, packed))
    }
}

fn unreadable(error: io::Error, packed: bool) -> Unreadable {
    match error.downcast::<reqwest::Error>() {
        Ok(error) => Unreadable::Connection(error),
        Err(_) if packed => Unreadable::Packing,
        Err(_) => Unreadable::Broken,
    }
}
