//! Events as they commit, as a stream of server-sent events.
//!
//! Each event has its id, so that a reader that comes back with `Last-Event-ID` goes on where it was.
//! What the filters leave out moves that place as well: with the first line and with each heartbeat
//! comes the id of the last event that was passed. Sources: docs/api.md, "Following events"; HTML,
//! section 9.2, "Server-sent events".

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, header};
use secrecy::SecretString;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::authenticate::NotAuthenticated;
use windlass_application::error::chain;
use windlass_application::follow_events::EventReader;
use windlass_application::ports::events::EventFilter;
use windlass_application::{CallError, Created, OrganizationContext, Resource};
use windlass_domain::event::Event;
use windlass_domain::id::{EventId, RunId};
use windlass_wire::event::EventBody;
use windlass_wire::parameters::EventParameters;

use crate::authentication::{Authenticated, bearer};
use crate::call_limits::OpenCall;
use crate::error::{ApiError, Finding, not_found};
use crate::error_code::ErrorCode;
use crate::events::types;
use crate::query::Query;
use crate::request::Received;
use crate::state::Api;

/// The call.
const STREAM: &str = "/v2/events/stream";

/// The header by which a reader says what it has had.
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// What a stream begins with: how many milliseconds a reader waits before it comes back.
const RETRY: &str = "retry: 1000\n";

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(stream_events))
}

/// Whether this request is answered with a stream.
pub(crate) fn is_stream(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>();
    route.is_some_and(|route| route.as_str() == STREAM)
}

/// The stream's place among the open calls of its organization.
struct Held {
    _call: Option<Arc<OpenCall>>,
}

impl<S: Sync> FromRequestParts<S> for Held {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            _call: parts.extensions.get().cloned(),
        })
    }
}

/// Streams events as they commit, as server-sent events: from now on, or behind the event that
/// `Last-Event-ID` names.
#[utoipa::path(get, path = "/v2/events/stream", tag = "events",
    params(EventParameters, ("Last-Event-ID" = Option<String>, Header,
        description = "The last event that you have had: the stream goes on behind it")),
    responses((status = 200, description = "Each event as `GET /v2/events/{event_id}` answers it, \
        without `request_id`", body = String, content_type = "text/event-stream")),
    extensions(("x-errors" = json!(["task_run_not_found"]))))]
async fn stream_events(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    held: Held,
    headers: HeaderMap,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let run = query.one_id_filter::<RunId>("task_run_id");
    let filter = EventFilter {
        types: types(&mut query),
        run_id: run.id,
        created: Created::default(),
    };
    query.end()?;
    if run.matches_none || !exists(&api, organization, run.id).await? {
        // It would wait for ever.
        return Err(not_found(Resource::TaskRun));
    }
    let after = last_event_id(&headers)?;
    let follow = &api.application.follow_events;
    let reader = follow.execute(organization, filter, after).await;
    let reader = reader.map_err(|error| match error {
        CallError::NotFound(Resource::Event) => names_no_event(),
        error => error.into(),
    })?;
    // It was there a moment ago, or nobody would be known.
    let key = bearer(&headers).ok_or(NotAuthenticated::InvalidKey)?;
    let following = Following {
        check_at: Instant::now() + api.config.heartbeat,
        reader,
        api,
        key,
        told: None,
        has_begun: false,
        until: received.waits_until,
        _held: held,
    };
    let chunks = stream::unfold(following, |mut following| async {
        let chunk = following.next().await?;
        Some((Ok::<_, Infallible>(chunk), following))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(chunks)).into_response())
}

async fn exists(
    api: &Api,
    organization: OrganizationContext,
    run_id: Option<RunId>,
) -> Result<bool, ApiError> {
    match run_id {
        None => Ok(true),
        Some(run_id) => {
            let run = api.application.ports.runs.get(organization, run_id).await?;
            Ok(run.is_some())
        }
    }
}

/// Which event the reader has had last. An empty header is what a client sends that had none.
fn last_event_id(headers: &HeaderMap) -> Result<Option<EventId>, ApiError> {
    let mut given = headers.get_all(LAST_EVENT_ID).iter();
    match (given.next(), given.next()) {
        (None, _) => Ok(None),
        (Some(id), None) if id.is_empty() => Ok(None),
        (Some(id), None) => {
            let id = id.to_str().ok().and_then(|id| EventId::parse(id).ok());
            id.map(Some).ok_or_else(names_no_event)
        }
        (Some(_), Some(_)) => Err(names_no_event()),
    }
}

/// To go on from anywhere else would leave out what the reader does not know of.
fn names_no_event() -> ApiError {
    ApiError::all(vec![Finding::of(
        ErrorCode::ParameterInvalid,
        LAST_EVENT_ID,
        "`Last-Event-ID` must be the id of an event that is kept. Read `GET /v2/events` for what \
         you may have missed, and begin without it.",
    )])
}

/// A stream that is being sent. Nothing is made of it but what its connection has room for.
struct Following {
    reader: EventReader,
    api: Api,
    /// Looked at again with each heartbeat, so that a key that was revoked hears no more.
    key: SecretString,
    check_at: Instant,
    /// The id that the reader was told last.
    told: Option<EventId>,
    has_begun: bool,
    /// Set when the server stops.
    until: CancellationToken,
    _held: Held,
}

impl Following {
    /// What is sent next; None where the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.has_begun {
            self.has_begun = true;
            return Some(self.place(RETRY));
        }
        tokio::select! {
            biased;
            () = self.until.cancelled() => None,
            () = sleep_until(self.check_at) => {
                self.check_at = Instant::now() + self.api.config.heartbeat;
                self.is_known().await.then(|| self.place(":\n"))
            }
            events = self.reader.next() => match events {
                Ok(events) => Some(self.events(&events)),
                Err(error) => {
                    // It comes back, to another replica or when the store is there again.
                    warn!("a stream of events ends: {}", chain(&error));
                    None
                }
            },
        }
    }

    async fn is_known(&self) -> bool {
        match self.api.application.authenticate.execute(&self.key).await {
            Ok(_) | Err(NotAuthenticated::Store(_)) => true,
            Err(NotAuthenticated::InvalidKey | NotAuthenticated::Suspended) => false,
        }
    }

    /// `line`, and the id of the last event that was passed, where that is news. It is no event to
    /// its reader: there is no data in it.
    fn place(&mut self, line: &str) -> Bytes {
        let mut text = line.to_owned();
        let passed = self.reader.passed();
        if let Some(id) = passed.filter(|_| passed != self.told) {
            text.push_str(&format!("id: {id}\n"));
            self.told = passed;
        }
        text.push('\n');
        Bytes::from(text)
    }

    fn events(&mut self, events: &[Arc<Event>]) -> Bytes {
        let mut bytes = Vec::new();
        for event in events {
            let head = format!("id: {}\nevent: {}\ndata: ", event.id, event.event_type);
            bytes.extend_from_slice(head.as_bytes());
            // JSON without a line break, so that one line of data has all of it.
            bytes.extend_from_slice(&EventBody::from(&**event).to_bytes());
            bytes.extend_from_slice(b"\n\n");
            self.told = Some(event.id);
        }
        Bytes::from(bytes)
    }
}
