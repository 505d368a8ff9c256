//! What the agents of runs saw.

use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::{Created, OrganizationContext, PageRequest, Position, Resource};
use windlass_domain::id::{RunId, ScreenshotId};
use windlass_domain::screenshot::MAX_SCREENSHOTS;
use windlass_wire::answer::PageBody;
use windlass_wire::parameters::PageParameters;
use windlass_wire::storage::ScreenshotBody;

use crate::authentication::Authenticated;
use crate::error::{ApiError, not_found};
use crate::files::screenshot;
use crate::listed::TimedId;
use crate::path::Path;
use crate::query::Query;
use crate::state::Api;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(list_screenshots))
}

/// Lists what the agent of a run saw, step by step, oldest first.
#[utoipa::path(get, path = "/v2/task-runs/{run_id}/screenshots", tag = "task runs",
    params(("run_id" = String, Path), PageParameters),
    responses((status = 200, body = PageBody<ScreenshotBody>)))]
async fn list_screenshots(
    State(api): State<Api>,
    caller: Authenticated,
    Path(run_id): Path<RunId>,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let created = query.created();
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(ScreenshotId::place))?;
    let ports = &api.application.ports;
    let run = ports.runs.get(organization, run_id).await?;
    run.ok_or_else(|| not_found(Resource::TaskRun))?;
    let page = ports
        .screenshots
        .list(organization, run_id, created, request);
    let page = page.await?;
    Ok(paging.answer(&api, organization, &page, |it| screenshot(&api, it)))
}

/// All that a run has, oldest first.
pub(crate) async fn screenshots_of_run(
    api: &Api,
    organization: OrganizationContext,
    run_id: RunId,
) -> Result<Vec<ScreenshotBody>, ApiError> {
    let all = PageRequest {
        limit: MAX_SCREENSHOTS,
        position: Position::Start,
    };
    let screenshots = &api.application.ports.screenshots;
    let page = screenshots
        .list(organization, run_id, Created::default(), all)
        .await?;
    Ok(page.items.iter().map(|it| screenshot(api, it)).collect())
}
