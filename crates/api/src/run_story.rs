//! What happened in a run: its timeline and its events, oldest first.

use axum::extract::State;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::Resource;
use windlass_application::ports::events::{EventFilter, Order};
use windlass_application::ports::runs::{TimelineEntry, TimelineKind};
use windlass_domain::id::{EventId, RunId};
use windlass_wire::answer::PageBody;
use windlass_wire::event::EventBody;
use windlass_wire::parameters::PageParameters;
use windlass_wire::run::TimelineEntryBody;

use crate::authentication::Authenticated;
use crate::error::{ApiError, not_found};
use crate::listed::TimedId;
use crate::path::Path;
use crate::query::Query;
use crate::state::Api;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(read_timeline))
        .routes(routes!(list_events_of_run))
}

/// Tells all that happened in a run, oldest first, on one page.
#[utoipa::path(get, path = "/v2/task-runs/{run_id}/timeline", tag = "task runs",
    params(("run_id" = String, Path)),
    responses((status = 200, body = PageBody<TimelineEntryBody>)))]
async fn read_timeline(
    State(api): State<Api>,
    caller: Authenticated,
    Path(id): Path<RunId>,
    query: Query,
) -> Result<Response, ApiError> {
    let paging = query.whole()?;
    let organization = caller.organization();
    let runs = &api.application.ports.runs;
    let run = runs.get(organization, id).await?;
    run.ok_or_else(|| not_found(Resource::TaskRun))?;
    let entries = runs.timeline(organization, id).await?;
    Ok(paging.answer_whole(entries.into_iter().map(line).collect()))
}

fn line(entry: TimelineEntry) -> TimelineEntryBody {
    TimelineEntryBody {
        at: entry.at.to_string(),
        kind: match entry.kind {
            TimelineKind::Event => "event",
            TimelineKind::Progress => "progress",
            TimelineKind::Screenshot => "screenshot",
            TimelineKind::File => "file",
            TimelineKind::Interaction => "interaction",
        },
        message: entry.message,
        step: entry.step,
    }
}

/// Lists the events of a run and of its files, oldest first.
#[utoipa::path(get, path = "/v2/task-runs/{run_id}/events", tag = "task runs",
    params(("run_id" = String, Path), PageParameters),
    responses((status = 200, body = PageBody<EventBody>)))]
async fn list_events_of_run(
    State(api): State<Api>,
    caller: Authenticated,
    Path(run_id): Path<RunId>,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let filter = EventFilter {
        run_id: Some(run_id),
        created: query.created(),
        ..EventFilter::default()
    };
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(EventId::place))?;
    let ports = &api.application.ports;
    let run = ports.runs.get(organization, run_id).await?;
    run.ok_or_else(|| not_found(Resource::TaskRun))?;
    let page = ports
        .events
        .list(organization, filter, Order::OldestFirst, request)
        .await?;
    Ok(paging.answer(&api, organization, &page, EventBody::from))
}
