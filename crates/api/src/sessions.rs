//! Sessions: places with state that runs are done in.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::Resource;
use windlass_domain::id::SessionId;
use windlass_wire::answer::{Answer, PageBody};
use windlass_wire::parameters::PageParameters;
use windlass_wire::session::SessionBody;

use crate::authentication::Authenticated;
use crate::change::Change;
use crate::error::{ApiError, not_found};
use crate::kept::{Shape, session};
use crate::listed::TimedId;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list_sessions))
        .routes(routes!(read_session))
        .routes(routes!(end_session))
}

/// Lists sessions, newest first.
#[utoipa::path(get, path = "/v2/sessions", tag = "sessions",
    params(PageParameters), responses((status = 200, body = PageBody<SessionBody>)))]
async fn list_sessions(
    State(api): State<Api>,
    caller: Authenticated,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let created = query.created();
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(SessionId::place))?;
    let ports = &api.application.ports;
    let page = ports.sessions.list(organization, created, request).await?;
    let now = ports.clock.now();
    Ok(paging.answer(&api, organization, &page, |view| session(view, now)))
}

/// Reads a session.
#[utoipa::path(get, path = "/v2/sessions/{session_id}", tag = "sessions",
    params(("session_id" = String, Path)), responses((status = 200, body = SessionBody)))]
async fn read_session(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<SessionId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let ports = &api.application.ports;
    let view = ports.sessions.view(caller.organization(), id).await?;
    let view = view.ok_or_else(|| not_found(Resource::Session))?;
    let body = session(&view, ports.clock.now());
    let body = body.answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Ends a session: what waits for it and what is done in it is canceled, also where that waits for
/// a person; what waits for a review stays. One that has ended is answered as it is.
#[utoipa::path(post, path = "/v2/sessions/{session_id}/end", tag = "sessions",
    params(("session_id" = String, Path)), responses((status = 200, body = SessionBody)))]
async fn end_session(
    State(api): State<Api>,
    Path(id): Path<SessionId>,
    change: Change,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let written = api.application.end_session.execute(write, id).await?;
    answering.answer(&written)
}
