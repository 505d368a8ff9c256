//! Playbooks: recorded ways through a source, per task.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::Resource;
use windlass_domain::id::{SourceId, TaskId};
use windlass_wire::answer::{Answer, PageBody};
use windlass_wire::playbook::{DeletedPlaybookBody, PlaybookBody, PlaybookDocument};

use crate::authentication::Authenticated;
use crate::change::{Change, Changing};
use crate::error::{ApiError, not_found, of_write};
use crate::json::request_body;
use crate::kept::Shape;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

request_body!(PlaybookDocument, "a playbook");

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list_playbooks))
        .routes(routes!(put_playbook, read_playbook, delete_playbook))
}

/// Writes the next version of a task's playbook for a source.
#[utoipa::path(put, path = "/v2/tasks/{task_id}/playbooks/{source_id}", tag = "playbooks",
    params(("task_id" = String, Path), ("source_id" = String, Path)),
    request_body = PlaybookDocument, responses((status = 200, body = PlaybookBody)))]
async fn put_playbook(
    State(api): State<Api>,
    Path((task_id, source_id)): Path<(TaskId, SourceId)>,
    Changing { change, body }: Changing<PlaybookDocument>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let written = api
        .application
        .put_playbook
        .execute(write, &task_id, &source_id, body.0)
        .await?;
    answering.answer(&written)
}

/// Lists a task's playbooks in their newest versions, by source.
#[utoipa::path(get, path = "/v2/tasks/{task_id}/playbooks", tag = "playbooks",
    params(("task_id" = String, Path)), responses((status = 200, body = PageBody<PlaybookBody>)))]
async fn list_playbooks(
    State(api): State<Api>,
    caller: Authenticated,
    Path(task_id): Path<TaskId>,
    query: Query,
) -> Result<Response, ApiError> {
    let paging = query.whole()?;
    let organization = caller.organization();
    let ports = &api.application.ports;
    if ports.tasks.get(organization, &task_id).await?.is_none() {
        return Err(not_found(Resource::Task));
    }
    let playbooks = ports.playbooks.list(organization, &task_id).await?;
    let bodies = playbooks.iter().map(PlaybookBody::from).collect();
    Ok(paging.answer_whole(bodies))
}

/// Reads the newest version of a task's playbook for a source.
#[utoipa::path(get, path = "/v2/tasks/{task_id}/playbooks/{source_id}", tag = "playbooks",
    params(("task_id" = String, Path), ("source_id" = String, Path)),
    responses((status = 200, body = PlaybookBody)),
    extensions(("x-errors" = json!(["playbook_not_found"]))))]
async fn read_playbook(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path((task_id, source_id)): Path<(TaskId, SourceId)>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let playbooks = &api.application.ports.playbooks;
    let playbook = playbooks
        .get(caller.organization(), &task_id, &source_id)
        .await?;
    let playbook = playbook.ok_or_else(|| not_found(Resource::Playbook))?;
    let body = PlaybookBody::from(&playbook).answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Deletes a task's playbook for a source.
#[utoipa::path(delete, path = "/v2/tasks/{task_id}/playbooks/{source_id}", tag = "playbooks",
    params(("task_id" = String, Path), ("source_id" = String, Path)),
    responses((status = 200, body = DeletedPlaybookBody)),
    extensions(("x-errors" = json!(["playbook_not_found"]))))]
async fn delete_playbook(
    State(api): State<Api>,
    Path((task_id, source_id)): Path<(TaskId, SourceId)>,
    change: Change,
) -> Result<Response, ApiError> {
    let deleted = Shape::DeletedPlaybook {
        task_id: task_id.to_string(),
        source_id: source_id.to_string(),
    };
    let (write, answering) = change.begin(&api, deleted).await?;
    let playbooks = &api.application.ports.playbooks;
    let written = playbooks.delete(write, &task_id, &source_id).await;
    answering.answer(&written.map_err(of_write(Resource::Playbook))?)
}
