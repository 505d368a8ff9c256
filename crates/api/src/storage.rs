//! Files that runs captured.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::ports::files::FileFilter;
use windlass_application::{OrganizationContext, PageRequest, Position, Resource};
use windlass_domain::id::{RunId, SourceId, StorageId, TaskId};
use windlass_wire::answer::{Answer, PageBody};
use windlass_wire::parameters::{PageParameters, StorageParameters};
use windlass_wire::storage::StorageBody;

use crate::authentication::Authenticated;
use crate::error::{ApiError, not_found};
use crate::files::storage;
use crate::listed::{Listed, TimedId};
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

/// How many pages of files a run shows with `include=storage`; the list has them all.
const MAX_PAGES: usize = 10;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list_storage))
        .routes(routes!(read_storage))
        .routes(routes!(list_storage_of_run))
}

/// Lists files, newest first.
#[utoipa::path(get, path = "/v2/storage", tag = "storage",
    params(PageParameters, StorageParameters), responses((status = 200, body = PageBody<StorageBody>)))]
async fn list_storage(
    State(api): State<Api>,
    caller: Authenticated,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let run = query.one_id_filter::<RunId>("task_run_id");
    let task = query.one_id_filter::<TaskId>("task_id");
    let source = query.one_id_filter::<SourceId>("source_id");
    let filter = FileFilter {
        run_id: run.id,
        task_id: task.id,
        source_id: source.id,
        created: query.created(),
    };
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(StorageId::place))?;
    if run.matches_none || task.matches_none || source.matches_none {
        return Ok(paging.answer_nothing());
    }
    let files = &api.application.ports.files;
    let page = files.list(organization, filter, request).await?;
    Ok(paging.answer(&api, organization, &page, |file| storage(&api, file)))
}

/// Lists the files of a run, newest first.
#[utoipa::path(get, path = "/v2/task-runs/{run_id}/storage", tag = "task runs",
    params(("run_id" = String, Path), PageParameters),
    responses((status = 200, body = PageBody<StorageBody>)))]
async fn list_storage_of_run(
    State(api): State<Api>,
    caller: Authenticated,
    Path(run_id): Path<RunId>,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let filter = FileFilter {
        run_id: Some(run_id),
        created: query.created(),
        ..FileFilter::default()
    };
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(StorageId::place))?;
    let ports = &api.application.ports;
    let run = ports.runs.get(organization, run_id).await?;
    run.ok_or_else(|| not_found(Resource::TaskRun))?;
    let page = ports.files.list(organization, filter, request).await?;
    Ok(paging.answer(&api, organization, &page, |file| storage(&api, file)))
}

/// Reads what is known of a file; its content is at `url`.
#[utoipa::path(get, path = "/v2/storage/{storage_id}", tag = "storage",
    params(("storage_id" = String, Path)), responses((status = 200, body = StorageBody)))]
async fn read_storage(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<StorageId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let files = &api.application.ports.files;
    let file = files.get(caller.organization(), id).await?;
    let file = file.ok_or_else(|| not_found(Resource::Storage))?;
    let body = storage(&api, &file).answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// The files of a run, newest first; at most a thousand.
pub(crate) async fn files_of_run(
    api: &Api,
    organization: OrganizationContext,
    run_id: RunId,
) -> Result<Vec<StorageBody>, ApiError> {
    let mut bodies = Vec::new();
    let mut position = Position::Start;
    for _ in 0..MAX_PAGES {
        let filter = FileFilter {
            run_id: Some(run_id),
            ..FileFilter::default()
        };
        let request = PageRequest {
            limit: 100,
            position: position.clone(),
        };
        let files = &api.application.ports.files;
        let page = files.list(organization, filter, request).await?;
        bodies.extend(page.items.iter().map(|file| storage(api, file)));
        match page.items.last() {
            Some(last) if page.has_more => position = Position::After(last.key()),
            Some(_) | None => break,
        }
    }
    Ok(bodies)
}
