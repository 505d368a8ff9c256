//! The contents of files and screenshots, at signed addresses that need no key and are good for an hour.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::Resource;
use windlass_application::ports::blobs::BlobId;
use windlass_domain::Timestamp;
use windlass_domain::file::StoredFile;
use windlass_domain::id::OrganizationId;
use windlass_domain::screenshot::Screenshot;
use windlass_wire::parameters::FileParameters;
use windlass_wire::storage::{ScreenshotBody, StorageBody};

use crate::error::{ApiError, not_found};
use crate::error_code::ErrorCode;
use crate::openapi::AsItIs;
use crate::path::Path;
use crate::query::Query;
use crate::signing_key::SigningKey;
use crate::state::Api;

/// How long an address is good.
const GOOD_FOR_SECONDS: i64 = 3600;

/// What need not be encoded in a file name's extended form. Source: RFC 8187, section 3.2.1.
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(read_file))
}

/// A file with an address that is good for an hour.
pub(crate) fn storage(api: &Api, file: &StoredFile) -> StorageBody {
    let is_there = file.expired_at.is_none();
    StorageBody::new(file, is_there.then(|| address(api, file.id.into())))
}

/// A screenshot with an address that is good for an hour.
pub(crate) fn screenshot(api: &Api, screenshot: &Screenshot) -> ScreenshotBody {
    let is_there = screenshot.expired_at.is_none();
    let url = is_there.then(|| address(api, screenshot.id.into()));
    ScreenshotBody::new(screenshot, url)
}

fn address(api: &Api, id: BlobId) -> String {
    let expires = api.application.ports.clock.now().seconds() + GOOD_FOR_SECONDS;
    let signature = URL_SAFE_NO_PAD.encode(sign(&api.config.file_key, id, expires));
    let base = api.config.public_url.as_str().trim_end_matches('/');
    format!("{base}/files/{id}?expires={expires}&signature={signature}")
}

fn sign(key: &SigningKey, id: BlobId, expires: i64) -> Vec<u8> {
    key.sign(&parts(&id.to_string(), &expires.to_string()))
        .to_vec()
}

fn parts<'a>(id: &'a str, expires: &'a str) -> [&'a [u8]; 3] {
    [b"file", id.as_bytes(), expires.as_bytes()]
}

/// Reads the content of a file or screenshot at its signed address, or a range of its bytes.
#[utoipa::path(get, path = "/files/{content_id}", tag = "storage", security(()),
    params(("content_id" = String, Path), FileParameters,
        ("Range" = Option<String>, Header, description = "One range of bytes")),
    responses(
        (status = 200, description = "The content", content(
            (inline(AsItIs) = "application/octet-stream"), (inline(AsItIs) = "*/*"))),
        (status = 206, description = "The range of it", content(
            (inline(AsItIs) = "application/octet-stream"), (inline(AsItIs) = "*/*"))),
        (status = 416, description = "The range lies outside")),
    extensions(("x-errors" = json!(["storage_expired"]))))]
async fn read_file(
    State(api): State<Api>,
    Path(id): Path<BlobId>,
    method: Method,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let expires = query.one("expires").unwrap_or_default();
    let signature = query.one("signature").unwrap_or_default();
    query.end()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
    let id_text = id.to_string();
    // Whoever makes an address up learns nothing, not even whether there is a file of this id.
    if !api
        .config
        .file_key
        .verifies(&parts(&id_text, &expires), &signature)
    {
        return Err(not_found(Resource::Storage));
    }
    let now = api.application.ports.clock.now();
    let is_good = expires
        .parse()
        .is_ok_and(|until: i64| now.seconds() <= until);
    let found = find(&api, id).await?;
    let (organization_id, file) =
        found.ok_or_else(|| ApiError::plain(ErrorCode::StorageExpired))?;
    if !is_good || file.expired_at.is_some() {
        return Err(ApiError::plain(ErrorCode::StorageExpired));
    }
    // A range is of GET alone: RFC 9110, section 14.2.
    let asked = match method == Method::GET {
        true => asked_range(&headers, &file),
        false => Asked::Whole,
    };
    let range = match asked {
        Asked::Whole => None,
        Asked::Part(range) => Some(range),
        Asked::Outside => return Ok(outside(&file)),
    };
    let blobs = &api.application.ports.blobs;
    let content = blobs.get(organization_id, id, range.clone()).await?;
    Ok(answer(&file, range, Body::from_stream(content)))
}

/// What is told of a content with it.
struct Told {
    file_name: String,
    file_type: String,
    file_size: u64,
    sha256: [u8; 32],
    expired_at: Option<Timestamp>,
}

async fn find(api: &Api, id: BlobId) -> Result<Option<(OrganizationId, Told)>, ApiError> {
    let ports = &api.application.ports;
    Ok(match id {
        BlobId::File(id) => {
            let found = ports.files.find(id).await?;
            found.map(|(owner, file)| (owner, Told::from(file)))
        }
        BlobId::Screenshot(id) => {
            let found = ports.screenshots.find(id).await?;
            found.map(|(owner, screenshot)| (owner, Told::from(screenshot)))
        }
    })
}

impl From<StoredFile> for Told {
    fn from(file: StoredFile) -> Self {
        Self {
            file_name: file.file_name,
            file_type: file.file_type,
            file_size: file.file_size,
            sha256: file.sha256,
            expired_at: file.expired_at,
        }
    }
}

impl From<Screenshot> for Told {
    fn from(screenshot: Screenshot) -> Self {
        Self {
            file_name: screenshot.file_name,
            file_type: screenshot.file_type,
            file_size: screenshot.file_size,
            sha256: screenshot.sha256,
            expired_at: screenshot.expired_at,
        }
    }
}

/// What part of a content is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    Whole,
    Part(Range<u64>),
    Outside,
}

/// One range is answered; several, or what is none, are left aside, as RFC 9110, section 14.2,
/// allows.
fn asked_range(headers: &HeaderMap, file: &Told) -> Asked {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_RANGE).is_some_and(|tag| tag != entity_tag(file)) {
        return Asked::Whole;
    }
    let range = text(header::RANGE)
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.trim().split_once('-'));
    let Some((first, last)) = range else {
        return Asked::Whole;
    };
    let size = file.file_size;
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        // Of an empty content the last bytes are all of it, and no range says that.
        (None, Some(1..)) if first.is_empty() && size == 0 => return Asked::Whole,
        (None, Some(length)) if first.is_empty() => size.saturating_sub(length)..size,
        _ => return Asked::Whole,
    };
    if range.is_empty() {
        Asked::Outside
    } else {
        Asked::Part(range)
    }
}

/// Digits alone, without the sign that Rust's numbers may have.
fn number(text: &str) -> Option<u64> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn entity_tag(file: &Told) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(file.sha256))
}

fn outside(file: &Told) -> Response {
    let mut response = StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    set(
        &mut response,
        header::CONTENT_RANGE,
        &format!("bytes */{}", file.file_size),
    );
    response
}

fn answer(file: &Told, range: Option<Range<u64>>, body: Body) -> Response {
    let size = file.file_size;
    let (status, length) = match &range {
        None => (StatusCode::OK, size),
        Some(range) => (StatusCode::PARTIAL_CONTENT, range.end - range.start),
    };
    let mut response = (status, body).into_response();
    if let Some(range) = range {
        let text = format!("bytes {}-{}/{size}", range.start, range.end - 1);
        set(&mut response, header::CONTENT_RANGE, &text);
    }
    set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    set(&mut response, header::CONTENT_TYPE, content_type(file));
    set(
        &mut response,
        header::CONTENT_DISPOSITION,
        &disposition(&file.file_name),
    );
    set(&mut response, header::ETAG, &entity_tag(file));
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(&mut response, header::CACHE_CONTROL, "private, no-store");
    response
}

fn set(response: &mut Response, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// What a website said of the file goes out only where it is a type at all.
fn content_type(file: &Told) -> &str {
    let is_type = file.file_type.is_ascii()
        && file.file_type.contains('/')
        && !file.file_type.bytes().any(|byte| byte.is_ascii_control());
    if is_type {
        &file.file_type
    } else {
        "application/octet-stream"
    }
}

/// A browser saves the file and never shows it: what a website gave must not run as ours.
fn disposition(file_name: &str) -> String {
    let plain: String = file_name
        .chars()
        .map(|character| match character {
            '"' | '\\' | '/' | '%' => '_',
            ' '..='~' => character,
            _ => '_',
        })
        .collect();
    let extended = utf8_percent_encode(file_name, ATTRIBUTE);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use windlass_domain::id::{Random, StorageId};

    use super::*;

    fn file() -> Told {
        Told {
            file_name: "faktura-2025-12.pdf".to_owned(),
            file_type: "application/pdf".to_owned(),
            file_size: 1000,
            sha256: [7; 32],
            expired_at: None,
        }
    }

    #[rstest]
    #[case("bytes=0-99", Asked::Part(0..100))]
    #[case("bytes=900-", Asked::Part(900..1000))]
    #[case("bytes=-100", Asked::Part(900..1000))]
    #[case("bytes=-5000", Asked::Part(0..1000))]
    #[case("bytes=0-18446744073709551615", Asked::Part(0..1000))]
    #[case("bytes=1000-", Asked::Outside)]
    #[case("bytes=-0", Asked::Outside)]
    #[case("bytes=9-1", Asked::Whole)]
    #[case("bytes=0-1,5-6", Asked::Whole)]
    #[case("lines=0-1", Asked::Whole)]
    #[case("bytes=x-y", Asked::Whole)]
    fn one_range_is_answered(#[case] range: &'static str, #[case] asked: Asked) {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static(range));

        assert_eq!(asked_range(&headers, &file()), asked);
    }

    #[test]
    fn a_range_of_another_content_is_not_put_together() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-9"));
        headers.insert(header::IF_RANGE, HeaderValue::from_static("\"another\""));

        assert_eq!(asked_range(&headers, &file()), Asked::Whole);
    }

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        assert_eq!(
            disposition("Regning \"2025\"\r\nX: 1 – å.pdf"),
            "attachment; filename=\"Regning _2025___X: 1 _ _.pdf\"; \
             filename*=UTF-8''Regning%20%222025%22%0D%0AX%3A%201%20%E2%80%93%20%C3%A5.pdf"
        );
    }

    #[test]
    fn an_address_is_good_for_its_file_and_its_hour_alone() {
        let key = SigningKey::new([1; 32]);
        let file = |number| StorageId::new(Timestamp::EPOCH, Random([number; 10]));
        let (one, another) = (file(1).into(), file(9).into());

        let signature = sign(&key, one, 100);

        let holds =
            |id: BlobId, expires: &str| key.verifies(&parts(&id.to_string(), expires), &signature);
        assert!(holds(one, "100"));
        assert!(!holds(one, "101"));
        assert!(!holds(another, "100"));
    }
}
