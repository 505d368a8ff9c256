//! What workers ask the people that runs work for.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use secrecy::ExposeSecret;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::worker::Question;
use windlass_domain::id::RunId;
use windlass_domain::run::{Field, FieldOption};
use windlass_wire::run::{InteractionBody, InteractionFieldBody};
use windlass_wire::worker::activity::HeardBody;
use windlass_wire::worker::question::{
    AnswerBody, AnswerParameters, AskBody, AskFieldBody, AskedBody, WithdrawBody,
};

use super::said::{MAX_BODY_BYTES, Said, Speaker, bytes};
use crate::authentication::Authenticated;
use crate::error::{ApiError, Finding};
use crate::error_code::ErrorCode;
use crate::json::request_body;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

/// The longest wait for an answer, in seconds. Source: docs/workers.md, "The calls".
const MAX_WAIT_SECONDS: u64 = 30;

request_body!(
    AskBody,
    "a question",
    const MAX_BYTES: usize = MAX_BODY_BYTES;
);
request_body!(WithdrawBody, "a withdrawal");

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(ask_person, read_answer))
        .routes(routes!(withdraw_question))
}

/// Asks the person that the run works for, which pauses it. The same attempt again asks nobody twice.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/interaction", tag = "workers",
    params(("run_id" = String, Path)), request_body = AskBody,
    responses((status = 201, body = AskedBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn ask_person(
    State(api): State<Api>,
    Path(run_id): Path<RunId>,
    Said { speaker, body }: Said<AskBody>,
) -> Result<Response, ApiError> {
    let mut findings = Vec::new();
    let checkpoint = body
        .checkpoint
        .map(|text| bytes("checkpoint", &text, &mut findings).into());
    if !findings.is_empty() {
        return Err(ApiError::all(findings));
    }
    let question = Question {
        attempt: body.attempt,
        kind: body.kind,
        message: body.message,
        fields: body
            .fields
            .unwrap_or_default()
            .into_iter()
            .map(field)
            .collect(),
        checkpoint,
    };
    let mut told = AskedBody {
        id: None,
        kind: question.kind.clone(),
        message: question.message.clone(),
        fields: question
            .fields
            .iter()
            .map(InteractionFieldBody::from)
            .collect(),
        attempt: question.attempt,
        created_at: None,
        expires_at: None,
        cancel: false,
        request_id: speaker.request_id(),
    };
    let call = speaker.lease(run_id, body.epoch);
    let asked = api.worker_calls.ask_person.execute(&call, question).await?;
    told.cancel = asked.cancel;
    if let Some(interaction) = asked.interaction {
        let interaction = InteractionBody::from(&interaction);
        told = AskedBody {
            id: Some(interaction.id),
            kind: interaction.interaction_type,
            message: interaction.message,
            fields: interaction.fields,
            attempt: interaction.attempt,
            created_at: Some(interaction.created_at),
            expires_at: Some(interaction.expires_at),
            ..told
        };
    }
    Ok(json(StatusCode::CREATED, &told))
}

fn field(asked: AskFieldBody) -> Field {
    let option = |option: windlass_wire::worker::question::AskOptionBody| FieldOption {
        value: option.value,
        label: option.label,
    };
    Field {
        name: asked.name,
        kind: asked.kind,
        label: asked.label,
        options: asked
            .options
            .map(|options| options.into_iter().map(option).collect()),
        required: asked.required.unwrap_or(true),
    }
}

/// Waits for what the person answers, up to `wait` seconds. The answers are given again under the same
/// epoch until the next question or the finish.
#[utoipa::path(get, path = "/v2/worker/leases/{run_id}/interaction", tag = "workers",
    params(("run_id" = String, Path), AnswerParameters), responses((status = 200, body = AnswerBody)),
    extensions(("x-errors" = json!(["lease_lost"]))))]
async fn read_answer(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(run_id): Path<RunId>,
    mut query: Query,
) -> Result<Response, ApiError> {
    let speaker = Speaker::new(caller, received);
    let epoch = query.number("epoch", 0..=u32::MAX.into());
    let wait = query.number("wait", 0..=MAX_WAIT_SECONDS);
    let wait = Duration::from_secs(wait.unwrap_or_default());
    let asked = query.end().and_then(|()| {
        let epoch = epoch.and_then(|epoch| u32::try_from(epoch).ok());
        epoch.ok_or_else(|| {
            let message = "`epoch` is missing; it says which lease reads the answer.";
            let finding = Finding::of(ErrorCode::ParameterInvalid, "epoch", message);
            ApiError::all(vec![finding])
        })
    });
    let epoch = match asked {
        Ok(epoch) => epoch,
        Err(error) => return Err(speaker.wrong(&api, run_id, error).await),
    };
    let call = speaker.lease(run_id, epoch);
    let stop = &speaker.received.waits_until;
    let read = &api.worker_calls.read_answer;
    let answer = tokio::select! {
        answer = read.execute(&call, wait) => answer?,
        // The server stops: it says so by an answer that is as it is now.
        () = stop.cancelled() => read.execute(&call, Duration::ZERO).await?,
    };
    let exposed = answer.answers.map(|answers| {
        let exposed = answers
            .into_iter()
            .map(|(name, answer)| (name, answer.expose_secret().to_owned()));
        exposed.collect()
    });
    let body = AnswerBody {
        answer: exposed,
        cancel: answer.cancel,
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}

/// Takes a question back: the source went on by itself. With its `attempt` a call that comes late takes no
/// later one back.
#[utoipa::path(post, path = "/v2/worker/leases/{run_id}/interaction/withdraw", tag = "workers",
    params(("run_id" = String, Path)), request_body = WithdrawBody,
    responses((status = 200, body = HeardBody)),
    extensions(("x-errors" = json!(["lease_lost", "run_not_running"]))))]
async fn withdraw_question(
    State(api): State<Api>,
    Path(run_id): Path<RunId>,
    Said { speaker, body }: Said<WithdrawBody>,
) -> Result<Response, ApiError> {
    let call = speaker.lease(run_id, body.epoch);
    let withdraw = &api.worker_calls.withdraw_question;
    let heard = withdraw.execute(&call, body.attempt).await?;
    let body = HeardBody {
        cancel: heard.cancel,
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}
