//! Contents that workers send: files, and what their agents saw. Each is checked while it comes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use futures_util::stream::{self, BoxStream, StreamExt};
use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use percent_encoding::percent_decode;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::time::timeout;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::CallError;
use windlass_application::ports::blobs::BlobError;
use windlass_application::worker::{CapturedFile, CapturedScreenshot};
use windlass_domain::file::{Extraction, MAX_EXTRACTION_BYTES, MAX_FILE_BYTES};
use windlass_domain::id::RunId;
use windlass_domain::screenshot::MAX_SCREENSHOT_BYTES;
use windlass_wire::worker::activity::{
    ContentHeaders, EPOCH, EXTRACTION_BYTES, FILE_NAME, FileHeaders, FileKeptBody, HEIGHT,
    METADATA, REASONING, SHA256, STEP, ScreenshotHeaders, ScreenshotKeptBody, WIDTH,
};

use super::said::Speaker;
use crate::authentication::Authenticated;
use crate::error::{ApiError, Finding};
use crate::error_code::ErrorCode;
use crate::json;
use crate::openapi::AsItIs;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json as answer};
use crate::state::Api;

/// How long a content may say nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// For how long a content that nobody wants is read nevertheless, as far as it may be wanted. A client
/// that sends all of it before it looks for the answer would find its connection reset instead.
const UNWANTED_TIME: Duration = Duration::from_secs(10);

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(store_file))
        .routes(routes!(store_screenshot))
}

/// Keeps a file that the agent captured: an activity. The body is its content, of at most 100 MiB, as it
/// is, and `Content-Type` its type. The same content twice in a run is one file.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/files", tag = "workers",
    params(("run_id" = String, Path), ContentHeaders, FileHeaders),
    request_body(description = "The content", content(
        (inline(AsItIs) = "application/octet-stream"), (inline(AsItIs) = "*/*"))),
    responses((status = 201, body = FileKeptBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn store_file(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(run_id): Path<RunId>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let speaker = Speaker::new(caller, received);
    let content = Content::new(body);
    let kept = async {
        let mut head = Head::of(&headers);
        let (epoch, file_name, file_type) = (head.epoch(), head.text(FILE_NAME), head.file_type());
        let (sha256, metadata) = (head.sha256(), head.object(METADATA));
        let extraction_bytes = head.number(EXTRACTION_BYTES);
        if extraction_bytes.is_some_and(|bytes| bytes as usize > MAX_EXTRACTION_BYTES) {
            let what = format!("must be {MAX_EXTRACTION_BYTES} at most");
            head.invalid(EXTRACTION_BYTES, &what);
        }
        if let Err(error) = query.end().and_then(|()| head.end()) {
            return Err(speaker.wrong(&api, run_id, error).await);
        }
        let extraction = match extraction_bytes {
            None => Extraction::None,
            Some(bytes) => match extraction(&content, bytes as usize).await {
                Ok(extraction) => extraction,
                Err(error) => return Err(speaker.wrong(&api, run_id, error).await),
            },
        };
        content.check_by(sha256).await;
        let file = CapturedFile {
            file_name: file_name.unwrap_or_default(),
            file_type,
            metadata,
            extraction,
            content: content.stream(),
        };
        let call = speaker.lease(run_id, epoch.unwrap_or_default());
        let kept = api.worker_calls.store_file.execute(&call, file).await;
        kept.map_err(of_content)
    }
    .await;
    let sha256 = content.drop_rest().await;
    let kept = kept?;
    let request_id = speaker.request_id();
    let body = FileKeptBody::new(kept.storage_id, sha256, kept.cancel, request_id);
    Ok(answer(StatusCode::CREATED, &body))
}

/// Keeps what the agent saw, an image or a document: an activity. The body is its content, of at most
/// 2 MiB, as it is, and `Content-Type` its type. A run has 200 at most, and the same content once.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/screenshots", tag = "workers",
    params(("run_id" = String, Path), ContentHeaders, ScreenshotHeaders),
    request_body(description = "The content", content(
        (inline(AsItIs) = "application/octet-stream"), (inline(AsItIs) = "image/*"), (inline(AsItIs) = "*/*"))),
    responses((status = 201, body = ScreenshotKeptBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn store_screenshot(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(run_id): Path<RunId>,
    query: Query,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let speaker = Speaker::new(caller, received);
    let content = Content::new(body);
    let kept = async {
        let mut head = Head::of(&headers);
        let (epoch, file_name, file_type) = (head.epoch(), head.text(FILE_NAME), head.file_type());
        let (sha256, reasoning) = (head.sha256(), head.text(REASONING));
        let (step, width, height) = (head.number(STEP), head.number(WIDTH), head.number(HEIGHT));
        if width.is_some() != height.is_some() {
            head.invalid(WIDTH, "goes with the other of the two; give both or none");
        }
        if let Err(error) = query.end().and_then(|()| head.end()) {
            return Err(speaker.wrong(&api, run_id, error).await);
        }
        content.check_by(sha256).await;
        let whole = whole(&content).await.map_err(|error| {
            let error = CallError::Blob(error);
            of_content(error)
        });
        let screenshot = CapturedScreenshot {
            file_name: file_name.unwrap_or_default(),
            file_type,
            size: width.zip(height),
            reasoning,
            step,
            content: match whole {
                Ok(whole) => whole,
                Err(error) => return Err(speaker.wrong(&api, run_id, error).await),
            },
        };
        let call = speaker.lease(run_id, epoch.unwrap_or_default());
        let store = &api.worker_calls.store_screenshot;
        store.execute(&call, screenshot).await.map_err(of_content)
    }
    .await;
    let sha256 = content.drop_rest().await;
    let kept = kept?;
    let request_id = speaker.request_id();
    let body = ScreenshotKeptBody::new(kept.screenshot_id, sha256, kept.cancel, request_id);
    Ok(answer(StatusCode::CREATED, &body))
}

/// What the agent took out of a file, which comes before its content.
async fn extraction(content: &Content, bytes: usize) -> Result<Extraction, ApiError> {
    let invalid = |what: &str| {
        let message = format!("`{EXTRACTION_BYTES}`: {what}.");
        ApiError::all(vec![Finding::of(
            ErrorCode::InputInvalid,
            EXTRACTION_BYTES,
            message,
        )])
    };
    let json = content.first(bytes).await.map_err(|error| {
        ApiError::new(ErrorCode::BodyInvalid, "The content did not arrive whole.").because(error)
    })?;
    if json.len() < bytes {
        return Err(invalid("the body ends before so many bytes"));
    }
    match json::read(&json) {
        Ok(Value::Null) => Ok(Extraction::Failed),
        Ok(value) if json::has_nul(&value) => {
            Err(invalid("no text of it may hold a NUL character"))
        }
        Ok(value) => Ok(Extraction::Taken(value)),
        Err(_) => Err(invalid("the first bytes of the body must be JSON")),
    }
}

/// A content that is taken at once.
async fn whole(content: &Content) -> Result<Bytes, BlobError> {
    let limit = MAX_SCREENSHOT_BYTES;
    let mut whole = Vec::new();
    while let Some(bytes) = content.next().await.map_err(BlobError::Interrupted)? {
        if (whole.len() + bytes.len()) as u64 > limit {
            return Err(BlobError::TooLarge { limit });
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.into())
}

/// What is wrong with a call that sends a content.
fn of_content(error: CallError) -> ApiError {
    match error {
        CallError::Blob(BlobError::Interrupted(error)) if is_another(&error) => {
            let message =
                format!("`{SHA256}` is not that of the content that arrived; send it again.");
            ApiError::all(vec![Finding::of(ErrorCode::InputInvalid, SHA256, message)])
        }
        CallError::Blob(BlobError::TooLarge { limit }) => ApiError::new(
            ErrorCode::BodyTooLarge,
            format!("The content is longer than {limit} bytes."),
        ),
        other => other.into(),
    }
}

/// A content came that is not the one that was told.
#[derive(Debug, thiserror::Error)]
#[error("the content has another SHA-256 than was told")]
struct AnotherContent;

fn is_another(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<AnotherContent>())
}

/// A content on its way.
#[derive(Clone)]
struct Content(Arc<Mutex<Arriving>>);

struct Arriving {
    body: Body,
    /// What has arrived and was not asked for yet.
    ahead: Option<Bytes>,
    is_over: bool,
    hash: Sha256,
    sha256: Option<[u8; 32]>,
}

impl Content {
    fn new(body: Body) -> Self {
        Self(Arc::new(Mutex::new(Arriving {
            body,
            ahead: None,
            is_over: false,
            hash: Sha256::new(),
            sha256: None,
        })))
    }

    /// It must have this SHA-256.
    async fn check_by(&self, sha256: Option<[u8; 32]>) {
        self.0.lock().await.sha256 = sha256;
    }

    /// The bytes before the content, fewer where it ends before; they are no part of it.
    async fn first(&self, length: usize) -> io::Result<Vec<u8>> {
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

    async fn next(&self) -> io::Result<Option<Bytes>> {
        self.0.lock().await.checked().await
    }

    /// What is left of it, checked at its end.
    fn stream(&self) -> BoxStream<'static, io::Result<Bytes>> {
        let content = self.clone();
        stream::try_unfold(content, |content| async move {
            let next = content.next().await?;
            Ok(next.map(|bytes| (bytes, content)))
        })
        .boxed()
    }

    /// Nobody wants the rest. The SHA-256 of what arrived, where that was all of it.
    async fn drop_rest(&self) -> Option<[u8; 32]> {
        let mut arriving = self.0.lock().await;
        let rest = async {
            let mut length = 0;
            while let Ok(Some(bytes)) = arriving.frame().await {
                arriving.hash.update(&bytes);
                length += bytes.len() as u64;
                if length > MAX_FILE_BYTES {
                    break;
                }
            }
        };
        // Who sends for longer finds the connection closed.
        drop(timeout(UNWANTED_TIME, rest).await);
        arriving
            .is_over
            .then(|| arriving.hash.clone().finalize().into())
    }
}

impl Arriving {
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
            let frame = timeout(SILENCE, self.body.frame()).await;
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

fn digest(text: &[u8]) -> Option<[u8; 32]> {
    let text = str::from_utf8(text).ok().filter(|text| text.len() == 64)?;
    let mut digest = [0; 32];
    for (place, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(digest)
}

/// What is told of a content in the head of its request.
struct Head<'a> {
    headers: &'a HeaderMap,
    findings: Vec<Finding>,
}

impl<'a> Head<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        Self {
            headers,
            findings: Vec::new(),
        }
    }

    fn invalid(&mut self, name: &'static str, what: &str) {
        let message = format!("`{name}` {what}.");
        self.findings
            .push(Finding::of(ErrorCode::InputInvalid, name, message));
    }

    fn one(&mut self, name: &'static str) -> Option<&'a [u8]> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next();
        if values.next().is_some() {
            self.invalid(name, "is given twice");
        }
        value.map(http::HeaderValue::as_bytes)
    }

    fn epoch(&mut self) -> Option<u32> {
        if !self.headers.contains_key(EPOCH) {
            let message =
                format!("`{EPOCH}` is missing; it says which lease the content belongs to.");
            self.findings
                .push(Finding::of(ErrorCode::InputMissing, EPOCH, message));
        }
        self.number(EPOCH)
    }

    fn number(&mut self, name: &'static str) -> Option<u32> {
        let text = self.one(name)?;
        let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        if number.is_none() {
            self.invalid(name, "must be a whole number from 0 to 4294967295");
        }
        number
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        let decoded = percent_decode(self.one(name)?).decode_utf8();
        let text = decoded.ok().map(std::borrow::Cow::into_owned);
        if text.is_none() {
            self.invalid(name, "must be UTF-8, percent-encoded");
        }
        text
    }

    fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        let text = self.text(name)?;
        match json::read(text.as_bytes()) {
            Ok(value) if json::has_nul(&value) => {
                self.invalid(name, "must hold no NUL character");
                None
            }
            Ok(Value::Object(members)) => Some(members),
            Ok(_) | Err(_) => {
                self.invalid(name, "must be a JSON object, percent-encoded");
                None
            }
        }
    }

    fn sha256(&mut self) -> Option<[u8; 32]> {
        let digest = digest(self.one(SHA256)?);
        if digest.is_none() {
            self.invalid(SHA256, "must be 64 hexadecimal digits");
        }
        digest
    }

    /// The type of the content; what cannot be read is none.
    fn file_type(&self) -> String {
        let given = self.headers.get(header::CONTENT_TYPE);
        let text = given.and_then(|given| given.to_str().ok());
        text.unwrap_or_default().to_owned()
    }

    /// That all of it is right.
    fn end(self) -> Result<(), ApiError> {
        if self.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(ApiError::new(
                ErrorCode::MediaTypeUnsupported,
                "The body must not be compressed.",
            ));
        }
        if self.findings.is_empty() {
            Ok(())
        } else {
            Err(ApiError::all(self.findings))
        }
    }
}
