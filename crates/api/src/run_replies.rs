//! What a person says to a run: answers to its question, and reviews of its output.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use secrecy::SecretString;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::answer_interaction::Reply;
use windlass_application::review_run::{Decision, Review};
use windlass_domain::id::RunId;
use windlass_wire::run::{DecisionName, InteractionAnswerBody, ReviewBody, RunBody};

use crate::change::{Changing, Proposed};
use crate::error::{ApiError, Finding};
use crate::error_code::ErrorCode;
use crate::json::request_body;
use crate::kept::Shape;
use crate::path::Path;
use crate::runs::pointer;
use crate::state::Api;

request_body!(
    ReviewBody,
    "a review",
    /// Inside the output, a place is a JSON Pointer into it.
    fn field(path: &[&str]) -> String {
        match path {
            ["output", place @ ..] if !place.is_empty() => pointer(place),
            _ => path.join("."),
        }
    }
);
request_body!(
    InteractionAnswerBody,
    "an answer",
    /// Callers know an answer by its own name alone.
    fn field(path: &[&str]) -> String {
        match path {
            ["input" | "inputs", answer @ ..] if !answer.is_empty() => answer.join("."),
            _ => path.join("."),
        }
    }
);

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(answer_interaction))
        .routes(routes!(review_run))
}

/// Answers what a run asks its person, or declines to.
#[utoipa::path(post, path = "/v2/task-runs/{run_id}/interaction", tag = "task runs",
    params(("run_id" = String, Path)), request_body = InteractionAnswerBody,
    responses((status = 200, body = RunBody)),
    extensions(("x-errors" = json!(["interaction_not_pending"]))))]
async fn answer_interaction(
    State(api): State<Api>,
    Path(id): Path<RunId>,
    Changing { change, body }: Changing<InteractionAnswerBody>,
) -> Result<Response, ApiError> {
    let reply = reply(body)?;
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let answer = &api.application.answer_interaction;
    let written = answer.execute(write, id, reply).await?;
    answering.answer(&written)
}

/// Reviews a run that is `review_required`: with `approve` its output, or a corrected one that
/// matches the task's output schema, is final; with `reject` the run fails.
#[utoipa::path(post, path = "/v2/task-runs/{run_id}/review", tag = "task runs",
    params(("run_id" = String, Path)), request_body = ReviewBody,
    responses((status = 200, body = RunBody)),
    extensions(("x-errors" = json!(["run_not_reviewable"]))))]
async fn review_run(
    State(api): State<Api>,
    Path(id): Path<RunId>,
    Proposed {
        change,
        body,
        wrong,
    }: Proposed<ReviewBody>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let review = Review {
        decision: match body.decision {
            DecisionName::Approve => Decision::Approve,
            DecisionName::Reject => Decision::Reject,
        },
        output: body.output,
        reason: body.reason,
        wrong,
    };
    let written = api
        .application
        .review_run
        .execute(write, id, review)
        .await?;
    answering.answer(&written)
}

fn reply(body: InteractionAnswerBody) -> Result<Reply, ApiError> {
    let wrong = |code, field: &str, message: &str| {
        Err(ApiError::all(vec![Finding::of(code, field, message)]))
    };
    let declines = body.decline.unwrap_or(false);
    match (body.input, body.inputs) {
        (Some(_), Some(_)) => wrong(
            ErrorCode::InputInvalid,
            "inputs",
            "`inputs` is another name of `input`; give one of them.",
        ),
        (Some(_), None) | (None, Some(_)) if declines => wrong(
            ErrorCode::InputInvalid,
            "decline",
            "`decline` refuses to answer; leave the answers out.",
        ),
        (Some(answers), None) | (None, Some(answers)) => Ok(Reply::Answers(
            answers
                .into_iter()
                .map(|(name, answer)| (name, SecretString::from(answer.unwrap_or_default())))
                .collect(),
        )),
        (None, None) if declines => Ok(Reply::Declined),
        (None, None) => wrong(
            ErrorCode::InputMissing,
            "input",
            "`input` is missing; give the answers by the names of the interaction's fields.",
        ),
    }
}
