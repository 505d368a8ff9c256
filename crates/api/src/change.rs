//! A call that changes something: its body, who makes it, and what is kept of its answer so that a
//! retry has one effect. Source: docs/api.md, "Idempotency".

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use windlass_application::{Actor, Problem, Write};
use windlass_domain::token::Token;

use crate::authentication::Authenticated;
use crate::error::{ApiError, Finding};
use crate::error_code::ErrorCode;
use crate::json::{self, NotJson, RequestBody};
use crate::kept::{Answering, KeyedRequest, Shape};
use crate::page_token::token_of;
use crate::query::Query;
use crate::request::Received;
use crate::state::Api;

/// The longest body of most calls.
pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How much of a body that is too long is read nevertheless. A client that sends all of it before it
/// looks for the answer would find its connection reset instead.
const MAX_READ_BYTES: usize = 16 * MAX_BODY_BYTES;

/// The longest idempotency key.
const MAX_KEY_CHARACTERS: usize = 256;

/// A call that changes something, without its body.
pub(crate) struct Change {
    caller: Authenticated,
    received: Received,
    keyed: Option<KeyedRequest>,
    /// Where a page makes the call, its token.
    pub(crate) token: Option<Arc<Token>>,
    /// The head of the request.
    pub(crate) headers: HeaderMap,
}

/// A call that changes something and takes a body.
pub(crate) struct Changing<T> {
    /// The call.
    pub(crate) change: Change,
    /// What it says.
    pub(crate) body: T,
}

/// A call that changes something and takes a body, of which the rules say more than its form does:
/// a body whose form is wrong goes on to them all the same, so that all problems are told at once.
pub(crate) struct Proposed<T> {
    /// The call.
    pub(crate) change: Change,
    /// What it says, as far as its form is right.
    pub(crate) body: T,
    /// What is wrong with its form. Where there is anything, the call must change nothing.
    pub(crate) wrong: Vec<Problem>,
}

impl Change {
    /// Whose rows it may touch.
    pub(crate) fn caller(&self) -> Authenticated {
        self.caller
    }

    /// What the store is to write under, and how it is answered afterwards.
    pub(crate) async fn begin(
        self,
        api: &Api,
        shape: Shape,
    ) -> Result<(Write, Answering), ApiError> {
        let organization = self.caller.organization();
        let vaults = &api.application.ports.vault;
        let vault = vaults.of(organization.organization_id()).await?;
        let clock = api.application.ports.clock.clone();
        let answering = Answering::new(shape, self.received.request_id, clock, vault, self.keyed);
        let write = Write {
            organization,
            actor: Actor::Key(self.caller.0.key_id),
            request_id: self.received.request_id,
            address: self.received.address,
            trace_parent: self.received.trace_parent,
            idempotency: answering.request(),
        };
        Ok((write, answering))
    }

    /// No body and `{}` are the same call.
    fn without_body(mut self) -> Self {
        if let Some(keyed) = &mut self.keyed {
            keyed.body_hash = Sha256::digest([]).into();
        }
        self
    }

    /// What is known of it before anybody looks at it.
    pub(crate) fn received(&self) -> &Received {
        &self.received
    }

    async fn read(
        request: Request,
        state: &Api,
        max_bytes: usize,
    ) -> Result<(Self, Bytes), ApiError> {
        let (mut parts, body) = request.into_parts();
        let caller = extracted::<Authenticated>(&mut parts, state).await?;
        let received = extracted::<Received>(&mut parts, state).await?;
        // No call that changes something has query parameters.
        extracted::<Query>(&mut parts, state).await?.end()?;
        let key = idempotency_key(&parts.headers)?;
        let bytes = read_body(&parts.headers, body, max_bytes, received.body_until).await?;
        let token = token_of(&parts.extensions);
        // A page gets at nobody else's answer, whatever it calls its own.
        let own = |key| match &token {
            None => key,
            Some(token) => format!("{} {key}", token.id),
        };
        let keyed = key.map(|key| KeyedRequest {
            key: own(key),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            body_hash: Sha256::digest(&bytes).into(),
        });
        let change = Self {
            caller,
            received,
            keyed,
            token,
            headers: parts.headers,
        };
        Ok((change, bytes))
    }
}

async fn extracted<T>(parts: &mut http::request::Parts, state: &Api) -> Result<T, ApiError>
where
    T: axum::extract::FromRequestParts<Api, Rejection = ApiError>,
{
    T::from_request_parts(parts, state).await
}

/// A call that takes no body: none, an empty one or `{}`, whatever its content type.
impl FromRequest<Api> for Change {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Api) -> Result<Self, ApiError> {
        let (change, bytes) = Self::read(request, state, MAX_BODY_BYTES).await?;
        says_nothing(&bytes, &change.received)?;
        Ok(change.without_body())
    }
}

/// The request of a call that reads, which takes no body: none, an empty one or `{}`, whatever its
/// content type.
///
/// # Errors
/// What is wrong with its body.
pub(crate) async fn reading(mut request: Request) -> Result<Request, ApiError> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let received = request.extensions().get::<Received>().cloned();
    let received = received.ok_or_else(|| ApiError::plain(ErrorCode::ApiError))?;
    let body = std::mem::take(request.body_mut());
    let until = received.body_until;
    let bytes = read_body(request.headers(), body, MAX_BODY_BYTES, until).await?;
    says_nothing(&bytes, &received)?;
    Ok(request)
}

/// Refuses a body that says anything to a call that takes none.
fn says_nothing(bytes: &[u8], received: &Received) -> Result<(), ApiError> {
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    let Value::Object(members) = json::read(bytes).map_err(|error| not_json(&error))? else {
        return Err(ApiError::new(
            ErrorCode::BodyInvalid,
            "The call takes no body.",
        ));
    };
    if let Some(ignored) = &received.ignored {
        ignored.note(members.keys().cloned());
        return Ok(());
    }
    match members.keys().next() {
        None => Ok(()),
        Some(name) => {
            let message = format!("`{name}` is not a field of this call; it takes none.");
            let finding = Finding::of(ErrorCode::InputUnknown, name, message);
            Err(ApiError::all(vec![finding]))
        }
    }
}

impl<T: RequestBody> FromRequest<Api> for Changing<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Api) -> Result<Self, ApiError> {
        let (change, value) = read_value::<T>(request, state).await?;
        let body = checked(value)?;
        Ok(Self { change, body })
    }
}

impl<T: RequestBody> FromRequest<Api> for Proposed<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &Api) -> Result<Self, ApiError> {
        let (change, value) = read_value::<T>(request, state).await?;
        let (value, findings) = T::form().check::<T>(value);
        if findings.is_empty() {
            let (body, wrong) = (taken_apart(value)?, Vec::new());
            return Ok(Self {
                change,
                body,
                wrong,
            });
        }
        let wrong: Option<Vec<Problem>> = findings.iter().map(Finding::as_problem).collect();
        let mended = T::form().mended(value);
        let body = mended.and_then(|value| serde_json::from_value(value).ok());
        match (body, wrong) {
            (Some(body), Some(wrong)) => Ok(Self {
                change,
                body,
                wrong,
            }),
            (None, _) | (_, None) => Err(ApiError::all(findings)),
        }
    }
}

async fn read_value<T: RequestBody>(
    request: Request,
    state: &Api,
) -> Result<(Change, Value), ApiError> {
    let (change, bytes) = Change::read(request, state, T::MAX_BYTES).await?;
    let says_nothing = T::OPTIONAL && matches!(bytes.trim_ascii(), b"" | b"{}");
    if says_nothing {
        return Ok((change.without_body(), json!({})));
    }
    require_json(&change.headers)?;
    let value = value_of::<T>(&bytes, &change.received)?;
    Ok((change, value))
}

/// What a body's bytes say, whatever its form.
pub(crate) fn value_of<T: RequestBody>(
    bytes: &[u8],
    received: &Received,
) -> Result<Value, ApiError> {
    let value = T::read(bytes).map_err(|error| not_json(&error))?;
    Ok(match &received.ignored {
        Some(ignored) if !T::NARROWS => {
            let (value, unknown) = T::form().without_unknown::<T>(value);
            ignored.note(unknown);
            value
        }
        Some(_) | None => value,
    })
}

/// The body that says this, where its form is right.
pub(crate) fn checked<T: RequestBody>(value: Value) -> Result<T, ApiError> {
    let (value, findings) = T::form().check::<T>(value);
    if !findings.is_empty() {
        return Err(ApiError::all(findings));
    }
    taken_apart(value)
}

/// Says of a body that it is longer than its call takes.
pub(crate) fn too_large(max_bytes: usize) -> ApiError {
    let mebibytes = max_bytes / (1024 * 1024);
    ApiError::new(
        ErrorCode::BodyTooLarge,
        format!("The body is larger than {mebibytes} MiB."),
    )
}

/// The form is made from the type, so that what passes it can be taken apart.
fn taken_apart<T: RequestBody>(value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value)
        .map_err(|error| ApiError::plain(ErrorCode::BodyInvalid).because(error))
}

fn not_json(error: &NotJson) -> ApiError {
    ApiError::new(ErrorCode::BodyInvalid, error.to_string())
}

/// Reads a body up to its longest length.
///
/// A write is carried to its end when its time is over. One whose body never ends would hold its
/// connection, and the stop of the server, for as long as its client likes.
async fn read_body(
    headers: &HeaderMap,
    body: Body,
    max_bytes: usize,
    until: Instant,
) -> Result<Bytes, ApiError> {
    let told = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or_default();
    // A client that expects to be told to go on has sent nothing yet.
    let is_held_back = headers.contains_key(header::EXPECT) && told > max_bytes;
    if is_held_back || told > MAX_READ_BYTES {
        return Err(too_large(max_bytes));
    }
    if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|encoding| encoding != "identity")
    {
        return Err(ApiError::new(
            ErrorCode::MediaTypeUnsupported,
            "The body must not be compressed.",
        ));
    }
    let mut length = 0;
    let read = tokio::time::timeout_at(until, read_whole(body, max_bytes, &mut length)).await;
    read.unwrap_or_else(|_elapsed| {
        // Sent again, faster, it would be too large all the same.
        let is_too_large = length.max(told) > max_bytes;
        Err(match is_too_large {
            true => too_large(max_bytes),
            false => ApiError::plain(ErrorCode::Timeout),
        })
    })
}

/// `length` is how much has come, also where the rest of it does not.
async fn read_whole(
    mut body: Body,
    max_bytes: usize,
    length: &mut usize,
) -> Result<Bytes, ApiError> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|_| ApiError::new(ErrorCode::BodyInvalid, "The body did not arrive whole."))?;
        // What is no data is a trailer, and no call has one.
        let data = frame.into_data().unwrap_or_default();
        *length += data.len();
        if *length > MAX_READ_BYTES {
            break;
        }
        if *length <= max_bytes {
            bytes.extend_from_slice(&data);
        }
    }
    if *length > max_bytes {
        return Err(too_large(max_bytes));
    }
    Ok(Bytes::from(bytes))
}

/// Whether the content type says JSON.
fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let is_json = matches!(essence.as_str(), "application/json" | "text/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    if is_json {
        Ok(())
    } else {
        Err(ApiError::new(
            ErrorCode::MediaTypeUnsupported,
            "The body must be sent as `Content-Type: application/json`.",
        ))
    }
}

/// The caller's key for "do this once".
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all("idempotency-key").iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let key = value.to_str().ok().filter(|key| {
        (1..=MAX_KEY_CHARACTERS).contains(&key.len())
            && key.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    });
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(ApiError::new(
            ErrorCode::IdempotencyKeyError,
            "`Idempotency-Key` must be given once and have 1 to 256 printable ASCII characters.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::response::IntoResponse;
    use futures_util::StreamExt;
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        headers
    }

    #[rstest]
    #[case::of_which_more_may_come("{\"name\"", HeaderMap::new(), 500)]
    #[case::of_which_too_much_has_come("{\"name\": \"\"", HeaderMap::new(), 413)]
    #[case::of_which_too_much_will_come("{", with("content-length", "10"), 413)]
    #[tokio::test]
    async fn a_body_that_does_not_end_is_waited_for_no_longer_than_its_time(
        #[case] start: &'static str,
        #[case] headers: HeaderMap,
        #[case] status: u16,
    ) {
        let start = futures_util::stream::iter([Ok::<_, std::io::Error>(start)]);
        let stalled = start.chain(futures_util::stream::pending());
        let until = Instant::now() + Duration::from_millis(50);

        let read = read_body(&headers, Body::from_stream(stalled), 9, until);
        let read = tokio::time::timeout(Duration::from_secs(5), read).await;

        let refused = read.expect("given up in time").expect_err("it never ends");
        assert_eq!(refused.into_response().status(), status);
    }

    #[rstest]
    #[case("application/json", true)]
    #[case("Application/JSON; charset=utf-8", true)]
    #[case("text/json", true)]
    #[case("application/vnd.api+json", true)]
    #[case("text/plain", false)]
    #[case("application/x-www-form-urlencoded", false)]
    #[case("image/svg+json", false)]
    fn json_has_several_names(#[case] content_type: &str, #[case] is_json: bool) {
        assert_eq!(
            require_json(&with("content-type", content_type)).is_ok(),
            is_json
        );
    }

    #[rstest]
    #[case(&"k".repeat(256), true)]
    #[case(&"k".repeat(257), false)]
    #[case("an order, 7", true)]
    #[case("", false)]
    #[case("schlüssel", false)]
    fn an_idempotency_key_is_printable_and_bounded(#[case] key: &str, #[case] is_one: bool) {
        assert_eq!(
            idempotency_key(&with("idempotency-key", key)).is_ok(),
            is_one
        );
    }
}
