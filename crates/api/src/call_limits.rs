//! How many calls an organization may make: requests in a window, and calls that stay open.
//! Source: docs/api.md, "Limits".

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::response::Response;
use http::{HeaderName, HeaderValue, header};
use windlass_application::ports::limits::Rate;
use windlass_domain::id::OrganizationId;

use crate::error::ApiError;
use crate::error_code::ErrorCode;
use crate::event_stream::is_stream;
use crate::state::Api;
use crate::wait::{asked_wait, sending};
use crate::worker;

/// The window in which requests are counted.
const WINDOW: Duration = Duration::from_secs(10);

/// What an organization may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Requests in ten seconds; with 0 none is counted.
    pub requests: u32,
    /// Calls that are open at once on this server: waits and streams of callers, as many waits of workers and
    /// contents on their way, and as many other calls of workers.
    pub open_calls: u32,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            requests: 200,
            open_calls: 1_000,
        }
    }
}

/// Calls that take places from one another while they are open, and none from those of another line: a
/// run would be lost whose worker cannot renew its lease beside its callers that wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    /// Waits and streams of callers.
    Callers,
    /// What is open for as long as it takes at a worker: waits for runs and answers, files on their way.
    WorkersWaits,
    /// Whatever else a worker says.
    WorkersCalls,
}

impl Line {
    /// What is in it, as it is said to who is in it.
    fn calls(self) -> &'static str {
        match self {
            Self::Callers => "waiting calls and streams",
            Self::WorkersWaits => "waiting calls of workers and contents on their way",
            Self::WorkersCalls => "calls of workers",
        }
    }
}

/// How a call counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// As a request of its window.
    is_counted: bool,
    /// As a call that stays open.
    line: Option<Line>,
}

impl Kind {
    /// What this request asks for.
    pub(crate) fn of(request: &Request) -> Self {
        let waits = asked_wait(request).is_some();
        if request.uri().path().starts_with(worker::PREFIX) {
            let stays_open = waits || sending(request).is_some();
            return Self {
                is_counted: false,
                line: Some(match stays_open {
                    true => Line::WorkersWaits,
                    false => Line::WorkersCalls,
                }),
            };
        }
        let stays_open = waits || is_stream(request);
        Self {
            // A start is a start, however long its caller waits for what comes of it.
            is_counted: !(stays_open && request.method().is_safe()),
            line: stays_open.then_some(Line::Callers),
        }
    }
}

/// The calls of all organizations that are open on this server.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls {
    /// An organization's line is in it only while it has some.
    open: Mutex<HashMap<(OrganizationId, Line), u32>>,
}

/// A call that is open, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenCall {
    all: Arc<OpenCalls>,
    of: (OrganizationId, Line),
}

impl OpenCalls {
    /// Opens a call; None where the organization has `at_most` in its line already.
    fn open(self: &Arc<Self>, of: (OrganizationId, Line), at_most: u32) -> Option<OpenCall> {
        let mut open = self.lock();
        let count = open.entry(of).or_default();
        if *count >= at_most {
            return None;
        }
        *count += 1;
        metrics::gauge!("windlass_http_open_calls").increment(1.0);
        Some(OpenCall {
            all: Arc::clone(self),
            of,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(OrganizationId, Line), u32>> {
        // Each change is one count, which a panic cannot have left half done.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        metrics::gauge!("windlass_http_open_calls").decrement(1.0);
        let mut open = self.all.lock();
        if let Some(count) = open.get_mut(&self.of) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.of);
            }
        }
    }
}

/// A call that may go on, and what its answer says of the limits.
pub(crate) struct Admitted {
    rate: Option<Rate>,
    /// For whoever answers as long as the call is open, such as a stream.
    pub(crate) open: Option<Arc<OpenCall>>,
}

/// Counts a call, and lets it in where its organization has made no more than it may.
///
/// # Errors
/// It has made too many.
pub(crate) async fn admit(
    api: &Api,
    organization_id: OrganizationId,
    kind: Kind,
) -> Result<Admitted, ApiError> {
    let limits = api.config.limits;
    let rate = if kind.is_counted && limits.requests > 0 {
        let rates = &api.application.ports.limits;
        let counted = rates.count(organization_id, limits.requests, WINDOW).await;
        if counted.exceeded {
            return Err(exceeded(counted));
        }
        Some(counted)
    } else {
        None
    };
    let open = match kind.line {
        Some(line) => {
            let at_most = limits.open_calls;
            let opened = api.open_calls.open((organization_id, line), at_most);
            let too_many = || with_headers(too_many_open(line, at_most), rate);
            Some(Arc::new(opened.ok_or_else(too_many)?))
        }
        None => None,
    };
    Ok(Admitted { rate, open })
}

impl Admitted {
    /// The answer, with how the organization stands.
    pub(crate) fn answer(&self, mut response: Response) -> Response {
        for (name, value) in self.rate.into_iter().flat_map(headers) {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn exceeded(rate: Rate) -> ApiError {
    let message = format!(
        "The organization may make {} requests in {} s; the next are taken in {} s.",
        rate.limit,
        WINDOW.as_secs(),
        resets_in_seconds(rate)
    );
    let error = ApiError::new(ErrorCode::RateLimitExceeded, message)
        .with_header(header::RETRY_AFTER, resets_in_seconds(rate).into());
    with_headers(error, Some(rate))
}

fn too_many_open(line: Line, at_most: u32) -> ApiError {
    let calls = line.calls();
    ApiError::new(
        ErrorCode::RateLimitExceeded,
        format!("The organization has {at_most} {calls} open, as many as it may."),
    )
}

fn with_headers(error: ApiError, rate: Option<Rate>) -> ApiError {
    let headers = rate.into_iter().flat_map(headers);
    headers.fold(error, |error, (name, value)| error.with_header(name, value))
}

fn headers(rate: Rate) -> [(HeaderName, HeaderValue); 3] {
    [
        (
            HeaderName::from_static("ratelimit-limit"),
            rate.limit.into(),
        ),
        (
            HeaderName::from_static("ratelimit-remaining"),
            rate.remaining.into(),
        ),
        (
            HeaderName::from_static("ratelimit-reset"),
            resets_in_seconds(rate).into(),
        ),
    ]
}

/// Whole seconds, rounded up: who comes back then finds the next window.
fn resets_in_seconds(rate: Rate) -> u64 {
    rate.resets_in
        .as_millis()
        .div_ceil(1000)
        .try_into()
        .unwrap_or(u64::MAX)
}
