//! The outermost layer: a request gets its id, its span, its time, and an answer in every case.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, debug, field, info_span};
use windlass_application::random::random;
use windlass_application::shortened;
use windlass_domain::id::RequestId;
use windlass_wire::answer::ErrorsBody;

use crate::error::{ApiError, Refused};
use crate::error_code::ErrorCode;
use crate::page_token::{is_shared, preflight, share};
use crate::state::Api;
use crate::unknown_fields::{IGNORED, Ignored};
use crate::wait::{asked_wait, ends_with_caller, sending};

/// How long a request may take, waits not counted. Source: docs/api.md, "Limits".
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How long its body may take: less, so that what is to be said of it is said in time.
const BODY_TIMEOUT: Duration = Duration::from_secs(29);

/// The header that names the request in its answer.
const REQUEST_ID: &str = "x-request-id";

/// The other end of a request's connection. The accept loop puts it into every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Set when who waits on a request's connection is answered: the server stops. The accept loop puts it
/// into every request; without it waits end with the drain's begin.
#[derive(Debug, Clone)]
pub(crate) struct WaitsUntil(pub(crate) CancellationToken);

/// What is known of a request before anybody looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Its id.
    pub(crate) request_id: RequestId,
    /// By when its body must be here.
    pub(crate) body_until: tokio::time::Instant,
    /// Set when it waits no longer: the server stops.
    pub(crate) waits_until: CancellationToken,
    /// Where it came from; a proxy's address behind one.
    pub(crate) address: Option<IpAddr>,
    /// W3C trace context, where the caller sent one that is valid.
    pub(crate) trace_parent: Option<String>,
    /// Takes what is not known; None where that is refused.
    pub(crate) ignored: Option<Ignored>,
}

impl<S: Sync> FromRequestParts<S> for Received {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // The outermost layer puts it there; a router without that layer answers 500 to all.
        let received = parts.extensions.get::<Self>().cloned();
        received.ok_or_else(|| ApiError::plain(ErrorCode::ApiError))
    }
}

/// Answers a request: with what its handler says, or with why that cannot be.
///
/// No `async fn`, which would have room for the request as long as the call waits; and the handler is
/// on the heap, so that the future has not room for it several times over.
pub(crate) fn answer(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> impl Future<Output = Response> + Send {
    if let Some(preflight) = preflight(&request) {
        return Either::Left(ready(preflight));
    }
    let started = Instant::now();
    let request_id = RequestId::new(api.application.ports.clock.now(), random());
    let trace_parent = trace_parent(request.headers());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let span = info_span!(
        "request",
        request.id = %request_id,
        organization.id = field::Empty,
        method = %method,
        route,
        status = field::Empty,
        duration_ms = field::Empty,
    );
    let beside = asked_wait(&request).or_else(|| sending(&request));
    let at_most = REQUEST_TIMEOUT + beside.unwrap_or_default();
    let is_carried = is_write(&method) && !ends_with_caller(&request);
    let is_shared = is_shared(&request);
    let address = request.extensions().get().map(|Peer(address)| *address);
    let waits_until = request.extensions().get::<WaitsUntil>();
    let waits_until = waits_until.map_or_else(|| api.config.drain.begun(), |it| &it.0);
    let waits_until = waits_until.clone();
    let ignored = Ignored::of(api.config.unknown_fields);
    request.extensions_mut().insert(Received {
        ignored: ignored.clone(),
        request_id,
        body_until: tokio::time::Instant::now() + BODY_TIMEOUT,
        waits_until,
        address,
        trace_parent,
    });
    let handled = Box::pin(
        AssertUnwindSafe(next.run(request))
            .catch_unwind()
            .instrument(span.clone()),
    );
    Either::Right(async move {
        let handled = if is_carried {
            // axum drops a handler when its client goes away; a write is carried to its end.
            let write = api.config.drain.writes().spawn(handled);
            let ended = tokio::time::timeout(at_most, write).await;
            ended.map(|joined| joined.unwrap_or_else(|error| Err(Box::new(error))))
        } else {
            tokio::time::timeout(at_most, handled).await
        };
        let response = match handled {
            Ok(Ok(response)) => response,
            // The panic hook has written what happened; the caller learns nothing of it.
            Ok(Err(_panic)) => ApiError::plain(ErrorCode::ApiError)
                .because("the handler panicked")
                .into_response(),
            Err(_elapsed) => ApiError::plain(ErrorCode::Timeout).into_response(),
        };
        let mut response = span.in_scope(|| finished(response, request_id));
        if let Some(names) = ignored.and_then(|ignored| ignored.header()) {
            response.headers_mut().insert(IGNORED, names);
        }
        if is_shared {
            share(&mut response);
        }
        let took = started.elapsed();
        let status = response.status().as_u16();
        span.record("status", status);
        span.record(
            "duration_ms",
            u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        );
        span.in_scope(|| debug!("answered {status} to {method} {route}"));
        measure(&method, route, status, took);
        response
    })
}

/// Says whose request the present one is.
pub(crate) fn is_of(organization_id: windlass_domain::id::OrganizationId) {
    Span::current().record("organization.id", field::display(organization_id));
}

/// Whether a request with this method may change something.
pub(crate) fn is_write(method: &Method) -> bool {
    !method.is_safe()
}

/// Writes the body of an error, and the id of the request into the head.
fn finished(response: Response, request_id: RequestId) -> Response {
    let (mut head, mut body) = response.into_parts();
    if let Some(Refused(refused)) = head.extensions.remove::<Refused>() {
        refused.log();
        let errors = ErrorsBody {
            errors: refused.errors().to_vec(),
            request_id: request_id.to_string(),
        };
        body = Body::from(json_bytes(&errors));
        head.headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        head.headers.remove(header::CONTENT_LENGTH);
    }
    if let Ok(value) = HeaderValue::from_str(&request_id.to_string()) {
        head.headers.insert(REQUEST_ID, value);
    }
    Response::from_parts(head, body)
}

/// A body's bytes.
pub(crate) fn json_bytes(body: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("bodies hold texts, finite numbers and maps with text keys")
}

fn measure(method: &Method, route: String, status: u16, took: Duration) {
    let method = match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        // What a caller makes up must not make up metrics.
        _ => "other",
    };
    metrics::counter!(
        "windlass_http_requests_total",
        "method" => method, "route" => route.clone(), "status" => status.to_string()
    )
    .increment(1);
    metrics::histogram!(
        "windlass_http_request_duration_seconds", "method" => method, "route" => route
    )
    .record(took.as_secs_f64());
}

/// The trace context of the caller: `00-` and 32, 16 and 2 hexadecimal digits.
/// Source: W3C Trace Context, "traceparent".
fn trace_parent(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    is_trace_parent(text).then(|| text.to_owned())
}

/// Whether this is a trace context.
pub(crate) fn is_trace_parent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags] = parts.as_slice() else {
        return false;
    };
    let is_hexadecimal = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let is_set = |part: &str| part.bytes().any(|byte| byte != b'0');
    *version == "00"
        && is_hexadecimal(trace, 32)
        && is_set(trace)
        && is_hexadecimal(parent, 16)
        && is_set(parent)
        && is_hexadecimal(flags, 2)
}

/// A path that no call has.
pub(crate) async fn no_such_call() -> ApiError {
    ApiError::plain(ErrorCode::EndpointNotFound)
}

/// A method that the path does not take; `Allow`, which says what it takes, is the router's.
pub(crate) async fn no_such_method(method: Method) -> ApiError {
    ApiError::new(
        ErrorCode::MethodNotAllowed,
        format!(
            "The path does not take {}; `Allow` says what it takes.",
            shortened(method.as_str())
        ),
    )
}

/// An answer with a JSON body.
pub(crate) fn json(status: StatusCode, body: &impl serde::Serialize) -> Response {
    json_of(status, json_bytes(body))
}

/// An answer whose body is JSON already.
pub(crate) fn json_of(status: StatusCode, bytes: Vec<u8>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "application/json")];
    (status, content_type, bytes).into_response()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true)]
    #[case("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false)]
    #[case("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false)]
    #[case("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", false)]
    #[case("rubbish", false)]
    fn a_trace_context_is_passed_on_only_where_it_is_one(
        #[case] text: &'static str,
        #[case] is_one: bool,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(text));

        assert_eq!(trace_parent(&headers).is_some(), is_one);
    }
}
