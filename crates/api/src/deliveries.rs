//! Deliveries: one event to one destination each.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::Resource;
use windlass_application::ports::deliveries::{DeliveryFilter, DeliveryStatus};
use windlass_domain::id::{DeliveryId, DestinationId};
use windlass_wire::answer::{Answer, PageBody};
use windlass_wire::delivery::DeliveryBody;
use windlass_wire::parameters::{DeliveryParameters, PageParameters};

use crate::authentication::Authenticated;
use crate::change::Change;
use crate::error::{ApiError, not_found, of_write};
use crate::events::types;
use crate::kept::{Shape, delivery};
use crate::listed::TimedId;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list_deliveries))
        .routes(routes!(read_delivery))
        .routes(routes!(redeliver))
}

/// Lists the deliveries to an event destination, newest first.
#[utoipa::path(get, path = "/v2/event-destinations/{destination_id}/event-deliveries",
    tag = "event destinations",
    params(("destination_id" = String, Path), PageParameters, DeliveryParameters),
    responses((status = 200, body = PageBody<DeliveryBody>)))]
async fn list_deliveries(
    State(api): State<Api>,
    caller: Authenticated,
    Path(id): Path<DestinationId>,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let filter = DeliveryFilter {
        statuses: query.name_filter("status", status, "`pending`, `success` or `failure`"),
        types: types(&mut query),
        created: query.created(),
    };
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(DeliveryId::place))?;
    let ports = &api.application.ports;
    let destination = ports.destinations.get(organization, id).await?;
    destination.ok_or_else(|| not_found(Resource::EventDestination))?;
    let page = ports
        .deliveries
        .list(organization, id, filter, request)
        .await?;
    Ok(paging.answer(&api, organization, &page, delivery))
}

fn status(name: &str) -> Option<DeliveryStatus> {
    match name {
        "pending" => Some(DeliveryStatus::Pending),
        "success" => Some(DeliveryStatus::Success),
        "failure" => Some(DeliveryStatus::Failure),
        _ => None,
    }
}

/// Reads a delivery with its attempts.
#[utoipa::path(get, path = "/v2/event-deliveries/{delivery_id}", tag = "event destinations",
    params(("delivery_id" = String, Path)), responses((status = 200, body = DeliveryBody)))]
async fn read_delivery(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<DeliveryId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let deliveries = &api.application.ports.deliveries;
    let view = deliveries.get(caller.organization(), id).await?;
    let view = view.ok_or_else(|| not_found(Resource::EventDelivery))?;
    let body = delivery(&view).answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Sends a delivery once more, at once.
#[utoipa::path(post, path = "/v2/event-deliveries/{delivery_id}/redeliver",
    tag = "event destinations", params(("delivery_id" = String, Path)),
    responses((status = 200, body = DeliveryBody)),
    extensions(("x-errors" = json!(["event_destination_not_found"]))))]
async fn redeliver(
    State(api): State<Api>,
    Path(id): Path<DeliveryId>,
    change: Change,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let written = api.application.ports.deliveries.redeliver(write, id).await;
    answering.answer(&written.map_err(of_write(Resource::EventDelivery))?)
}
