//! `/mcp`: the Model Context Protocol over HTTP, beside the API.
//!
//! Each request stands alone and brings its key: any replica answers any of them, and nothing is lost
//! with one.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::assistant::{Assistant, Door};
use crate::call::Call;
use crate::reach::InProcess;

/// The largest request, in bytes: as large as a body of the API, with what is put around it.
const MAX_REQUEST_BYTES: usize = 2 * 1024 * 1024;

/// How long a request may take: the longest wait of a tool, and a request of the API.
const AT_MOST: Duration = Duration::from_secs(95);

/// The API `api`, and beside it `/mcp`, whose tools are its calls.
pub fn router(api: Router) -> Router {
    let door = Door::Http(api.clone());
    let mut config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MAX_REQUEST_BYTES)
        // A page that is tricked into calling has no key to show.
        .disable_allowed_hosts();
    config.sse_keep_alive = None;
    let service = StreamableHttpService::new(
        move || Ok(Assistant::new(door.clone())),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let mcp = Router::new()
        .route_service("/mcp", service)
        .route_layer(from_fn_with_state(api.clone(), with_a_key));
    api.merge(mcp)
}

/// Lets through whose key the API knows.
async fn with_a_key(State(api): State<Router>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let api = InProcess::of(api, &parts);
    let known = match api.respond(Call::get(&["test"])).await {
        Ok(known) => known,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    if !known.status().is_success() {
        return known;
    }
    let answered = tokio::time::timeout(AT_MOST, next.run(Request::from_parts(parts, body)));
    match answered.await {
        Ok(answer) => answer,
        Err(_elapsed) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}
