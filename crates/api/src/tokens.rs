//! Tokens for browser pages.

use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::issue_token::{NewNarrowing, generate};
use windlass_wire::token::{NewTokenBody, TokenBody};

use crate::change::Changing;
use crate::error::ApiError;
use crate::json::request_body;
use crate::kept::Shape;
use crate::state::Api;

request_body!(
    NewTokenBody,
    "a token",
    const OPTIONAL: bool = true;,
    const NARROWS: bool = true;
);

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(create_token))
}

/// Makes what a browser page may hold instead of a key, for 30 minutes. It is shown once.
#[utoipa::path(post, path = "/v2/token", tag = "key",
    request_body = NewTokenBody, responses((status = 201, body = TokenBody)),
    extensions(("x-body-optional" = json!(true)),
        ("x-errors" = json!(["source_invalid", "task_not_found", "task_run_not_found"]))))]
async fn create_token(
    State(api): State<Api>,
    Changing { change, body }: Changing<NewTokenBody>,
) -> Result<Response, ApiError> {
    let token = generate();
    let key_id = change.caller().0.key_id;
    let (write, answering) = change.begin(&api, Shape::MadeToken(token.clone())).await?;
    let narrowing = NewNarrowing {
        source_id: body.source_id,
        external_id: body.external_id,
        task_id: body.task_id,
        run_id: body.run_id,
    };
    let issue = &api.application.issue_token;
    let written = issue.execute(write, key_id, &token, narrowing).await?;
    answering.answer(&written)
}
