//! Events: what happened, in the order of commits.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::Resource;
use windlass_application::ports::events::{EventFilter, Order};
use windlass_domain::event::EventType;
use windlass_domain::id::{EventId, RunId};
use windlass_wire::answer::{Answer, PageBody};
use windlass_wire::event::{EventBody, EventTypeBody};
use windlass_wire::parameters::{EventParameters, PageParameters};

use crate::authentication::Authenticated;
use crate::error::{ApiError, not_found};
use crate::listed::TimedId;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

/// What a filter of event types takes.
pub(crate) const TYPES: &str = "types of events, as `GET /v2/event-types` lists them, or all of a resource, such as `task_run.*`";

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list_events))
        .routes(routes!(read_event))
        .routes(routes!(list_event_types))
}

/// The types that are asked for; none where all are.
pub(crate) fn types(query: &mut Query) -> Vec<EventType> {
    query.name_filter("type", EventType::named, TYPES).concat()
}

/// Lists events, newest first.
#[utoipa::path(get, path = "/v2/events", tag = "events",
    params(PageParameters, EventParameters), responses((status = 200, body = PageBody<EventBody>)))]
async fn list_events(
    State(api): State<Api>,
    caller: Authenticated,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let run = query.one_id_filter::<RunId>("task_run_id");
    let filter = EventFilter {
        types: types(&mut query),
        run_id: run.id,
        created: query.created(),
    };
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(EventId::place))?;
    if run.matches_none {
        return Ok(paging.answer_nothing());
    }
    let events = &api.application.ports.events;
    let page = events
        .list(organization, filter, Order::NewestFirst, request)
        .await?;
    Ok(paging.answer(&api, organization, &page, EventBody::from))
}

/// Reads an event, as its deliveries carry it.
#[utoipa::path(get, path = "/v2/events/{event_id}", tag = "events",
    params(("event_id" = String, Path)), responses((status = 200, body = EventBody)))]
async fn read_event(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<EventId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let events = &api.application.ports.events;
    let event = events.get(caller.organization(), id).await?;
    let event = event.ok_or_else(|| not_found(Resource::Event))?;
    let body = EventBody::from(&event).answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Lists what can happen, on one page.
#[utoipa::path(get, path = "/v2/event-types", tag = "events",
    responses((status = 200, body = PageBody<EventTypeBody>)))]
async fn list_event_types(_: Authenticated, query: Query) -> Result<Response, ApiError> {
    let paging = query.whole()?;
    let types = EventType::ALL.iter().copied().map(EventTypeBody::from);
    Ok(paging.answer_whole(types.collect()))
}
