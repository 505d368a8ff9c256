//! Task runs: started, read, waited for, listed, canceled.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::info;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::ports::runs::{RunFilter, RunView};
use windlass_application::start_run::NewTaskRun;
use windlass_application::{
    CallError, OrganizationContext, Problem, ProblemKind, Resource, Written,
};
use windlass_domain::id::{AgentId, CredentialId, RequestId, RunId, SessionId, TaskId};
use windlass_domain::run::{Outcome, Status};
use windlass_wire::answer::{Answer, PageBody};
use windlass_wire::parameters::{PageParameters, ReadRunParameters, RunParameters};
use windlass_wire::run::{ArtifactsBody, RunBody, StartRunBody};

use crate::authentication::Authenticated;
use crate::change::{Change, Proposed};
use crate::error::{ApiError, not_found};
use crate::error_code::ErrorCode;
use crate::json::request_body;
use crate::kept::{Answering, Shape, replayed, run};
use crate::listed::TimedId;
use crate::page_token::check_start;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::screenshots::screenshots_of_run;
use crate::state::Api;
use crate::storage::files_of_run;
use crate::wait::{preferred, wait_of};

/// What may be included in a run.
const INCLUDES: &str = "`input`, `storage`, `screenshots` and `artifacts`";

/// The longest mark that a caller gives a request.
const MAX_MARK_CHARACTERS: usize = 255;

request_body!(
    StartRunBody,
    "a start",
    const OPTIONAL: bool = true;,
    /// Inside the input, a place is a JSON Pointer into it.
    fn field(path: &[&str]) -> String {
        match path {
            ["input", place @ ..] => pointer(place),
            _ => path.join("."),
        }
    }
);
pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(start_run))
        .routes(routes!(list_runs))
        .routes(routes!(read_run))
        .routes(routes!(cancel_run))
}

/// Starts a run of a task. It answers at once, `queued`; with `Prefer: wait=N` when the run needs
/// somebody or has ended, or after N seconds.
#[utoipa::path(post, path = "/v2/tasks/{task_id}/run", tag = "task runs",
    params(("task_id" = String, Path), ("Prefer" = Option<String>, Header, description = "`wait=N` with N from 1 to 60")),
    request_body = StartRunBody, responses((status = 201, body = RunBody)),
    extensions(("x-body-optional" = json!(true)), ("x-errors" = json!(["credential_not_found", "session_not_found", "source_invalid", "session_mismatch", "session_ended", "credential_deleted", "session_limit_exceeded", "queue_limit_exceeded"]))))]
async fn start_run(
    State(api): State<Api>,
    Path(task_id): Path<TaskId>,
    proposed: Proposed<StartRunBody>,
) -> Result<Response, ApiError> {
    let wait = preferred(&proposed.change.headers);
    let organization = proposed.change.caller().organization();
    let stop = proposed.change.received().waits_until.clone();
    // On the heap: a call that waits has no room for what comes before its wait.
    let (written, answering) = Box::pin(start(&api, &task_id, proposed)).await?;
    match wait {
        None => answering.answer(&written),
        Some(wait) => {
            let run_id = run_of(&written, &answering)?;
            let view = waited(&api, organization, run_id, wait, &stop).await?;
            Ok(started(&api, &answering, &written, &view))
        }
    }
}

async fn start(
    api: &Api,
    task_id: &TaskId,
    proposed: Proposed<StartRunBody>,
) -> Result<(Written<RunView>, Answering), ApiError> {
    let Proposed {
        change,
        body,
        mut wrong,
    } = proposed;
    if let Some(token) = &change.token {
        check_start(token, &body)?;
    }
    wrong.extend(note_mark(body.request_id.as_deref()));
    let (write, answering) = change.begin(api, Shape::Made(StatusCode::CREATED)).await?;
    let new = NewTaskRun {
        credential_id: body.credential_id,
        source_id: body.source_id,
        session_id: body.session_id,
        input: body.input,
        metadata: body.metadata.unwrap_or_default(),
        wrong,
    };
    let start = &api.application.start_run;
    let written = start.execute(write, task_id, new).await?;
    Ok((written, answering))
}

/// The caller's own mark goes to the log and changes nothing.
fn note_mark(mark: Option<&str>) -> Option<Problem> {
    let mark = mark?;
    if mark.chars().count() > MAX_MARK_CHARACTERS {
        return Some(Problem::of(
            ProblemKind::Invalid,
            "request_id",
            format!("`request_id` must have {MAX_MARK_CHARACTERS} characters at most."),
        ));
    }
    info!(
        caller.request_id = mark,
        "the caller calls this request {mark:?}"
    );
    None
}

/// The run that was started now, or before by the same request.
fn run_of(written: &Written<RunView>, answering: &Answering) -> Result<RunId, ApiError> {
    let run_id = match written {
        Written::Done(view) => Some(view.run.id),
        Written::Replayed(kept) => {
            let body: Option<Value> = serde_json::from_slice(&answering.opened(kept)?).ok();
            body.and_then(|body| RunId::parse(body["id"].as_str()?).ok())
        }
    };
    run_id.ok_or_else(|| {
        ApiError::plain(ErrorCode::ApiError).because("a kept answer to a start names no run")
    })
}

/// The answer to a start that was waited for.
fn started(
    api: &Api,
    answering: &Answering,
    written: &Written<RunView>,
    view: &RunView,
) -> Response {
    let now = api.application.ports.clock.now();
    let body = run(view, now).answering(answering.request_id().to_string());
    let response = json(StatusCode::CREATED, &body);
    match written {
        Written::Done(_) => response,
        Written::Replayed(_) => replayed(response),
    }
}

async fn waited(
    api: &Api,
    organization: OrganizationContext,
    run_id: RunId,
    wait: Duration,
    stop: &CancellationToken,
) -> Result<RunView, CallError> {
    let wait_for_run = &api.application.wait_for_run;
    wait_for_run.execute(organization, run_id, wait, stop).await
}

/// Lists runs, newest first.
#[utoipa::path(get, path = "/v2/task-runs", tag = "task runs",
    params(PageParameters, RunParameters), responses((status = 200, body = PageBody<RunBody>)))]
async fn list_runs(
    State(api): State<Api>,
    caller: Authenticated,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let sources = query.id_filter("source_id");
    let agent = query.one_id_filter::<AgentId>("agent_id");
    let credential = query.one_id_filter::<CredentialId>("credential_id");
    let task = query.one_id_filter::<TaskId>("task_id");
    let session = query.one_id_filter::<SessionId>("session_id");
    let workflow = query.text_filter("workflow_id");
    let filter = RunFilter {
        statuses: query.spelled_filter(
            ["status"],
            Status::parse,
            Status::as_str,
            "`queued`, `running`, `interaction_required`, `review_required`, `completed`, \
             `failed`, `canceling` or `canceled`",
        ),
        results: query.spelled_filter(
            ["result", "outcome"],
            Outcome::parse,
            Outcome::as_str,
            "`success`, `failure` or `unknown`",
        ),
        source_ids: sources.ids,
        agent_id: agent.id,
        credential_id: credential.id,
        task_id: task.id,
        session_id: session.id,
        created: query.created(),
    };
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(RunId::place))?;
    let matches_none = sources.matches_none
        || agent.matches_none
        || credential.matches_none
        || task.matches_none
        || session.matches_none
        || workflow.is_some();
    if matches_none {
        return Ok(paging.answer_nothing());
    }
    let runs = &api.application.ports.runs;
    let page = runs.list(organization, filter, request).await?;
    let now = api.application.ports.clock.now();
    Ok(paging.answer(&api, organization, &page, |view| run(view, now)))
}

/// What is asked for beside a run.
#[derive(Debug, Clone, Copy, Default)]
struct Includes {
    input: bool,
    storage: bool,
    screenshots: bool,
    artifacts: bool,
}

impl Includes {
    fn read(query: &mut Query) -> Self {
        let mut includes = Self::default();
        for name in query.several("include") {
            match name.as_str() {
                "input" => includes.input = true,
                "storage" => includes.storage = true,
                "screenshots" => includes.screenshots = true,
                "artifacts" => includes.artifacts = true,
                _ => {
                    let what = format!("takes {INCLUDES}");
                    query.refuse(ErrorCode::IncludeInvalid, "include", &what);
                }
            }
        }
        includes
    }
}

/// Reads a run; with `wait`, once it needs somebody or has ended.
#[utoipa::path(get, path = "/v2/task-runs/{run_id}", tag = "task runs",
    params(("run_id" = String, Path), ReadRunParameters), responses((status = 200, body = RunBody)))]
async fn read_run(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<RunId>,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let includes = Includes::read(&mut query);
    let wait = match query.one("wait") {
        None => None,
        Some(text) => {
            let wait = wait_of(&text);
            if wait.is_none() {
                query.invalid("wait", "must be a whole number from 1 to 60");
            }
            wait
        }
    };
    query.end()?;
    let view = match wait {
        Some(wait) => waited(&api, organization, id, wait, &received.waits_until).await?,
        None => {
            let view = api.application.ports.runs.get(organization, id).await?;
            view.ok_or_else(|| not_found(Resource::TaskRun))?
        }
    };
    // On the heap: a call that waits has no room for what comes after its wait.
    Box::pin(shown(
        &api,
        organization,
        &view,
        includes,
        received.request_id,
    ))
    .await
}

/// The answer to a read of a run.
async fn shown(
    api: &Api,
    organization: OrganizationContext,
    view: &RunView,
    includes: Includes,
    request_id: RequestId,
) -> Result<Response, ApiError> {
    let id = view.run.id;
    let mut body = run(view, api.application.ports.clock.now());
    if includes.input {
        let read = &api.application.read_run_input;
        body.input = Some(read.execute(organization, id).await?);
    }
    if includes.storage {
        body.storage = Some(files_of_run(api, organization, id).await?);
    }
    if includes.screenshots || includes.artifacts {
        let screenshots = screenshots_of_run(api, organization, id).await?;
        body.artifacts = includes.artifacts.then(|| ArtifactsBody {
            screenshots: screenshots.clone(),
        });
        body.screenshots = includes.screenshots.then_some(screenshots);
    }
    let body = body.answering(request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Cancels a run that is `queued` or `running`.
#[utoipa::path(post, path = "/v2/task-runs/{run_id}/cancel", tag = "task runs",
    params(("run_id" = String, Path)), responses((status = 200, body = RunBody)),
    extensions(("x-errors" = json!(["run_not_cancelable"]))))]
async fn cancel_run(
    State(api): State<Api>,
    Path(id): Path<RunId>,
    change: Change,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let written = api.application.cancel_run.execute(write, id).await?;
    answering.answer(&written)
}

/// A place inside an input or an output: a JSON Pointer. Source: RFC 6901, section 3.
pub(crate) fn pointer(place: &[&str]) -> String {
    let escaped = |name: &&str| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    place.iter().map(escaped).collect()
}
