//! Workers start, leave, and give sessions up.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::{CallError, Resource};
use windlass_domain::id::SessionId;
use windlass_domain::run::Refusal;
use windlass_wire::worker::start::{
    DrainWorkerBody, EvictSessionBody, RegisterWorkerBody, SessionEvictedBody, WorkerDrainedBody,
    WorkerStartBody,
};

use super::said::{MAX_BODY_BYTES, Said, of_start, superseded};
use crate::error::{ApiError, not_found};
use crate::error_code::ErrorCode;
use crate::json::request_body;
use crate::path::{Path, WorkerName};
use crate::request::json;
use crate::state::Api;

request_body!(RegisterWorkerBody, "a start of a worker");
request_body!(DrainWorkerBody, "a drain", const OPTIONAL: bool = true;);
request_body!(
    EvictSessionBody,
    "an eviction",
    const MAX_BYTES: usize = MAX_BODY_BYTES;
);

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(register_worker))
        .routes(routes!(drain_worker))
        .routes(routes!(evict_session))
}

/// Starts a worker: its new incarnation, part of every later call that names it. What the start
/// before it held is lost at once.
#[utoipa::path(post, path = "/v2/worker/workers", tag = "workers",
    request_body = RegisterWorkerBody, responses((status = 201, body = WorkerStartBody)))]
async fn register_worker(
    State(api): State<Api>,
    Said { speaker, body }: Said<RegisterWorkerBody>,
) -> Result<Response, ApiError> {
    let register = &api.worker_calls.register_worker;
    let started = register
        .execute(
            Some(speaker.organization()),
            &body.worker,
            body.start.as_deref(),
        )
        .await?;
    let body = WorkerStartBody {
        id: started.holder.worker_id.to_string(),
        object: "worker".to_owned(),
        worker: body.worker.trim().to_owned(),
        incarnation: started.holder.incarnation,
        lost_leases: started.lost_leases,
        lease_seconds: started.lease_length.as_secs(),
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::CREATED, &body))
}

/// Lets a worker leave: it gets no new leases, its idle sessions end, and the others with their run.
/// What it holds is to be finished, or released. Its next start is not leaving.
#[utoipa::path(post, path = "/v2/worker/workers/{worker}/drain", tag = "workers",
    params(("worker" = String, Path)), request_body = DrainWorkerBody,
    responses((status = 200, body = WorkerDrainedBody)),
    extensions(("x-body-optional" = json!(true)), ("x-errors" = json!(["lease_lost"]))))]
async fn drain_worker(
    State(api): State<Api>,
    Path(WorkerName(worker)): Path<WorkerName>,
    Said { speaker, body }: Said<DrainWorkerBody>,
) -> Result<Response, ApiError> {
    let latest = speaker.latest(&api, &worker).await?;
    let holder = latest.ok_or_else(|| not_found(Resource::Worker))?;
    if let Some(other) = body.incarnation.filter(|it| *it != holder.incarnation) {
        return Err(superseded(other));
    }
    let drained = api.worker_calls.drain_worker.execute(holder).await;
    let leases = drained.map_err(|error| of_start(error, holder))?;
    let body = WorkerDrainedBody {
        id: holder.worker_id.to_string(),
        object: "worker".to_owned(),
        worker: worker.trim().to_owned(),
        incarnation: holder.incarnation,
        draining: true,
        leases,
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}

/// Gives an idle session up, which ends it; refused while a run is queued for it. One that has ended
/// already is given up all the same.
#[utoipa::path(post, path = "/v2/worker/sessions/{session_id}/evict", tag = "workers",
    params(("session_id" = String, Path)), request_body = EvictSessionBody,
    responses((status = 200, body = SessionEvictedBody)),
    extensions(("x-errors" = json!(["lease_lost", "resource_in_use"]))))]
async fn evict_session(
    State(api): State<Api>,
    Path(session_id): Path<SessionId>,
    Said { speaker, body }: Said<EvictSessionBody>,
) -> Result<Response, ApiError> {
    let organization = speaker.organization();
    let session = api.application.ports.sessions.get(organization, session_id);
    if session.await?.is_none() {
        return Err(not_found(Resource::Session));
    }
    let holder = speaker.holder(&api, &body.worker, body.incarnation).await?;
    let request_id = speaker.received.request_id;
    let evict = &api.worker_calls.evict_session;
    let evicted = evict.execute(organization, request_id, holder, session_id);
    evicted.await.map_err(|error| match error {
        CallError::Refused(Refusal::SessionNotReady { status }) => ApiError::new(
            ErrorCode::ResourceInUse,
            format!(
                "The session is `{}`: it is given up only by the worker that keeps it, while it is \
                 idle and no run is queued for it.",
                status.as_str()
            ),
        ),
        other => of_start(other, holder),
    })?;
    let body = SessionEvictedBody {
        session_id: session_id.to_string(),
        evicted: true,
        request_id: speaker.request_id(),
    };
    Ok(json(StatusCode::OK, &body))
}
