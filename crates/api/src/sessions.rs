//! Sessions: places with state that runs are done in.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::ports::runs::RunFilter;
use windlass_application::{PageRequest, Position, Resource};
use windlass_domain::id::SessionId;
use windlass_wire::answer::Answer;
use windlass_wire::session::{SessionBody, SessionRunBody};

use crate::authentication::Authenticated;
use crate::error::{ApiError, not_found};
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

/// How many of its runs a session shows.
const MAX_RUNS: u32 = 100;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(read_session))
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
    let organization = caller.organization();
    let ports = &api.application.ports;
    let session = ports.sessions.get(organization, id).await?;
    let session = session.ok_or_else(|| not_found(Resource::Session))?;
    let filter = RunFilter {
        session_id: Some(id),
        ..RunFilter::default()
    };
    let request = PageRequest {
        limit: MAX_RUNS,
        position: Position::Start,
    };
    let runs = ports.runs.list(organization, filter, request).await?;
    let runs = runs
        .items
        .iter()
        .map(|view| SessionRunBody::from(&view.run))
        .collect();
    let body = SessionBody::new(&session, runs, ports.clock.now());
    let body = body.answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}
