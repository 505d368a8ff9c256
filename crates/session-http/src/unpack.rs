//! The body of an answer, unpacked as its `Content-Encoding` says.
//!
//! This is done here and not by the HTTP client, which takes any window that a zstd body asks for:
//! 128 MiB for a body of a few bytes.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reqwest::Response;
use reqwest::header::CONTENT_ENCODING;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt, ReadBuf};
use tokio_util::io::{ReaderStream, StreamReader};

/// What the header of each request offers.
pub(crate) const ACCEPTED_ENCODINGS: &str = "gzip, br, zstd";

/// The largest window of a zstd body, as a power of two: 8 MiB, which RFC 9659 asks for.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How much of a file is passed on at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// The unpacked body.
pub(crate) struct Body {
    reader: Reader,
    packed: bool,
}

type Reader = Pin<Box<dyn AsyncRead + Send>>;

type Raw = Pin<Box<dyn AsyncBufRead + Send>>;

/// How a body is packed.
#[derive(Debug, Clone, Copy)]
enum Packing {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
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
        let packing = match encoding.as_str() {
            "" | "identity" => None,
            "gzip" | "x-gzip" => Some(Packing::Gzip),
            "deflate" => Some(Packing::Deflate),
            "br" => Some(Packing::Brotli),
            "zstd" => Some(Packing::Zstd),
            _ => return Err(UnknownEncoding),
        };
        let stream = response.bytes_stream().map_err(io::Error::other);
        let raw: Raw = Box::pin(StreamReader::new(stream));
        Ok(Self {
            packed: packing.is_some(),
            reader: match packing {
                None => Box::pin(raw),
                Some(packing) => Box::pin(Unpacking::Ahead(raw, packing)),
            },
        })
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

impl Packing {
    fn reader(self, raw: Raw) -> Reader {
        match self {
            Self::Gzip => Box::pin(Gunzip {
                member: Some(GzipDecoder::new(raw)),
            }),
            Self::Deflate => Box::pin(ZlibDecoder::new(raw)),
            Self::Brotli => Box::pin(BrotliDecoder::new(raw)),
            Self::Zstd => {
                let window = [DParameter::window_log_max(ZSTD_WINDOW_LOG_MAX)];
                Box::pin(ZstdDecoder::with_params(raw, &window))
            }
        }
    }
}

/// A packed body. One of no bytes is empty, as browsers take it: servers say how they would have packed
/// it.
enum Unpacking {
    Ahead(Raw, Packing),
    UnderWay(Reader),
    Over,
}

impl AsyncRead for Unpacking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            match &mut *self {
                Self::Ahead(raw, _) => {
                    let is_empty = ready!(raw.as_mut().poll_fill_buf(context))?.is_empty();
                    let ahead = std::mem::replace(&mut *self, Self::Over);
                    if let Self::Ahead(raw, packing) = ahead
                        && !is_empty
                    {
                        *self = Self::UnderWay(packing.reader(raw));
                    }
                }
                Self::UnderWay(reader) => return reader.as_mut().poll_read(context, buffer),
                Self::Over => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// How a member of gzip begins (RFC 1952, 2.3.1).
const GZIP_START: [u8; 2] = [0x1f, 0x8b];

/// Unpacks one member after the other. Whatever else follows one is left, as browsers do: servers pad
/// their bodies, or write on behind them.
struct Gunzip {
    /// None after the last.
    member: Option<GzipDecoder<Raw>>,
}

impl AsyncRead for Gunzip {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(member) = &mut self.member {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut *member).poll_read(context, buffer))?;
            if buffer.filled().len() > before || buffer.remaining() == 0 {
                break;
            }
            let rest = ready!(member.get_mut().as_mut().poll_fill_buf(context))?;
            let goes_on = !rest.is_empty() && GZIP_START.starts_with(&rest[..rest.len().min(2)]);
            let raw = self.member.take().map(GzipDecoder::into_inner);
            self.member = raw.filter(|_| goes_on).map(GzipDecoder::new);
        }
        Poll::Ready(Ok(()))
    }
}

fn unreadable(error: io::Error, packed: bool) -> Unreadable {
    match error.downcast::<reqwest::Error>() {
        Ok(error) => Unreadable::Connection(error),
        Err(_) if packed => Unreadable::Packing,
        Err(_) => Unreadable::Broken,
    }
}
