//! Whether a key works.

use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_wire::answer::TestBody;

use crate::authentication::Authenticated;
use crate::error::ApiError;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(test_key))
}

/// Tells that the key works.
#[utoipa::path(get, path = "/v2/test", tag = "key", responses((status = 200, body = TestBody)))]
async fn test_key(
    caller: Authenticated,
    received: Received,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let body = TestBody {
        status: "ready",
        environment: caller.0.environment.as_str(),
        request_id: received.request_id.to_string(),
    };
    Ok(json(StatusCode::OK, &body))
}
