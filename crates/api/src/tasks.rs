//! Tasks: what to do, and the settings of how.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::create_task::NewTask;
use windlass_application::ports::tasks::TaskFilter;
use windlass_application::task_settings::{NewConcurrency, NewTaskSettings};
use windlass_application::update_task::TaskChange;
use windlass_application::{Key, OrganizationContext, Problem, ProblemKind, Resource};
use windlass_domain::edit::Edit;
use windlass_domain::id::{AgentId, TaskId};
use windlass_domain::task::{StorageSettings, TaskStatus};
use windlass_wire::answer::{Answer, DeletedBody, PageBody};
use windlass_wire::parameters::{PageParameters, TaskParameters};
use windlass_wire::task::{
    NewTaskBody, NewTaskSettingsBody, NewTaskStorageBody, TaskBody, TaskChangeBody,
};

use crate::authentication::Authenticated;
use crate::change::{Change, Proposed};
use crate::error::{ApiError, not_found, of_write};
use crate::json::{CANNOT_CHANGE, request_body};
use crate::kept::Shape;
use crate::listed::Listed;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

request_body!(NewTaskBody, "a task");
request_body!(
    TaskChangeBody,
    "a task",
    const CLEARED: &'static [&'static str] =
        &["input_schema", "output_schema", "prompt", "storage"];,
    const REFUSED: &'static [(&'static str, &'static str)] =
        &[("agent_id", CANNOT_CHANGE), ("id", CANNOT_CHANGE)];
);

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(create_task, list_tasks))
        .routes(routes!(read_task, update_task, delete_task))
        .routes(routes!(reset_task))
}

/// Makes a task.
#[utoipa::path(post, path = "/v2/tasks", tag = "tasks",
    request_body = NewTaskBody, responses((status = 201, body = TaskBody)),
    extensions(("x-errors" = json!(["agent_not_found", "schema_invalid", "id_taken"]))))]
async fn create_task(
    State(api): State<Api>,
    Proposed {
        change,
        body,
        mut wrong,
    }: Proposed<NewTaskBody>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::CREATED)).await?;
    let new = NewTask {
        id: body.id,
        name: body.name,
        agent_id: body.agent_id,
        prompt: body.prompt,
        input_schema: body.input_schema,
        output_schema: body.output_schema,
        storage: storage(body.storage, body.extraction).unwrap_or_else(|problem| {
            wrong.push(problem);
            None
        }),
        settings: settings(body.settings.unwrap_or_default()),
        wrong,
    };
    let written = api.application.create_task.execute(write, new).await?;
    answering.answer(&written)
}

/// `extraction` may stand in two places; where both are given they say the same.
fn storage(
    given: Option<NewTaskStorageBody>,
    extraction: Option<bool>,
) -> Result<Option<StorageSettings>, Problem> {
    let Some(storage) = given else {
        let extraction = extraction.unwrap_or(false);
        return Ok(StorageSettings::extracting(None, extraction));
    };
    if let (Some(inner), Some(outer)) = (storage.extraction, extraction)
        && inner != outer
    {
        return Err(contradiction());
    }
    Ok(Some(StorageSettings {
        enabled: storage.enabled,
        extraction: storage.extraction.or(extraction).unwrap_or(false),
        extraction_schema: storage.extraction_schema,
        extraction_prompt: storage.extraction_prompt,
        deduplication: storage.deduplication.unwrap_or(false),
        deduplication_schema: storage.deduplication_schema,
    }))
}

fn contradiction() -> Problem {
    Problem::of(
        ProblemKind::Invalid,
        "extraction",
        "`extraction` is another name of `storage.extraction`; give one of them.",
    )
}

/// The same of a change: `extraction` alone changes nothing else of `storage`.
fn storage_change(
    given: Edit<NewTaskStorageBody>,
    extraction: Option<bool>,
) -> Result<(Edit<StorageSettings>, Option<bool>), Problem> {
    match given {
        Edit::Keep => Ok((Edit::Keep, extraction)),
        Edit::Clear if extraction == Some(true) => Err(contradiction()),
        Edit::Clear => Ok((Edit::Clear, None)),
        Edit::Set(given) => {
            let given = storage(Some(given), extraction)?;
            Ok((given.map_or(Edit::Keep, Edit::Set), None))
        }
    }
}

fn settings(given: NewTaskSettingsBody) -> NewTaskSettings {
    NewTaskSettings {
        inactivity_timeout_seconds: given.inactivity_timeout_seconds,
        timeout_seconds: given.timeout_seconds,
        interaction_timeout_seconds: given.interaction_timeout_seconds,
        queue_timeout_seconds: given.queue_timeout_seconds,
        review_timeout_seconds: given.review_timeout_seconds,
        review: given.review.map(|name| name.as_str().to_owned()),
        pool: given.pool,
        max_attempts: given.max_attempts,
        priority: given.priority,
        concurrency: given.concurrency.map(|limits| NewConcurrency {
            per_credential: limits.per_credential,
            per_source: limits.per_source,
        }),
        keep_login: given.keep_login,
        session_idle_seconds: given.session_idle_seconds,
        source: given.source.map(|name| name.as_str().to_owned()),
        engine: given.engine.map(|name| name.as_str().to_owned()),
    }
}

/// Lists tasks, newest first.
#[utoipa::path(get, path = "/v2/tasks", tag = "tasks",
    params(PageParameters, TaskParameters), responses((status = 200, body = PageBody<TaskBody>)))]
async fn list_tasks(
    State(api): State<Api>,
    caller: Authenticated,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let agent = query.one_id_filter::<AgentId>("agent_id");
    let filter = TaskFilter {
        agent_id: agent.id,
        statuses: query.name_filter("status", TaskStatus::parse, "`learning`, `test` or `live`"),
        created: query.created(),
    };
    let paging = query.page(cursor)?;
    let start = match paging.named() {
        None => None,
        Some(id) => place(&api, organization, id).await?,
    };
    let request = paging.request(start)?;
    if agent.matches_none {
        return Ok(paging.answer_nothing());
    }
    let tasks = &api.application.ports.tasks;
    let page = tasks.list(organization, filter, request).await?;
    Ok(paging.answer(&api, organization, &page, TaskBody::from))
}

/// Where the task of this id stands in the list.
async fn place(
    api: &Api,
    organization: OrganizationContext,
    id: &str,
) -> Result<Option<Key>, ApiError> {
    let Ok(id) = TaskId::parse(id) else {
        return Ok(None);
    };
    let task = api.application.ports.tasks.get(organization, &id).await?;
    Ok(task.map(|task| task.key()))
}

/// Reads a task in its newest version.
#[utoipa::path(get, path = "/v2/tasks/{task_id}", tag = "tasks",
    params(("task_id" = String, Path)), responses((status = 200, body = TaskBody)))]
async fn read_task(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<TaskId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let tasks = &api.application.ports.tasks;
    let task = tasks.get(caller.organization(), &id).await?;
    let task = task.ok_or_else(|| not_found(Resource::Task))?;
    let body = TaskBody::from(&task).answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Changes a task. Runs that were started go on with the version that they have.
#[utoipa::path(patch, path = "/v2/tasks/{task_id}", tag = "tasks",
    params(("task_id" = String, Path)), request_body = TaskChangeBody,
    responses((status = 200, body = TaskBody)),
    extensions(("x-errors" = json!(["schema_invalid"]))))]
async fn update_task(
    State(api): State<Api>,
    Path(id): Path<TaskId>,
    Proposed {
        change,
        body,
        mut wrong,
    }: Proposed<TaskChangeBody>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let (storage, extraction) =
        storage_change(body.storage, body.extraction).unwrap_or_else(|problem| {
            wrong.push(problem);
            (Edit::Keep, None)
        });
    let change = TaskChange {
        name: body.name,
        prompt: body.prompt,
        input_schema: body.input_schema,
        output_schema: body.output_schema,
        storage,
        extraction,
        settings: settings(body.settings.unwrap_or_default()),
        wrong,
    };
    let update = &api.application.update_task;
    let written = update.execute(write, &id, change).await?;
    answering.answer(&written)
}

/// Drops what was learned of a task: it is `learning` again.
#[utoipa::path(post, path = "/v2/tasks/{task_id}/reset", tag = "tasks",
    params(("task_id" = String, Path)), responses((status = 200, body = TaskBody)))]
async fn reset_task(
    State(api): State<Api>,
    Path(id): Path<TaskId>,
    change: Change,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let written = api.application.ports.tasks.reset(write, &id).await;
    answering.answer(&written.map_err(of_write(Resource::Task))?)
}

/// Deletes a task that has no live runs, with its playbooks.
#[utoipa::path(delete, path = "/v2/tasks/{task_id}", tag = "tasks",
    params(("task_id" = String, Path)), responses((status = 200, body = DeletedBody)),
    extensions(("x-errors" = json!(["resource_in_use"]))))]
async fn delete_task(
    State(api): State<Api>,
    Path(id): Path<TaskId>,
    change: Change,
) -> Result<Response, ApiError> {
    let deleted = Shape::Deleted {
        id: id.to_string(),
        object: "task",
    };
    let (write, answering) = change.begin(&api, deleted).await?;
    let tasks = &api.application.ports.tasks;
    let written = tasks.delete(write, &id).await;
    answering.answer(&written.map_err(of_write(Resource::Task))?)
}
