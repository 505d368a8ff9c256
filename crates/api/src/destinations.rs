//! Event destinations and the deliveries to them.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use secrecy::SecretString;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::create_destination::{CreateDestination, NewWebhook};
use windlass_application::ports::deliveries::{DeliveryFilter, DeliveryStatus, DeliveryView};
use windlass_application::{Problem, ProblemKind, Resource};
use windlass_domain::event::EventType;
use windlass_domain::id::{DeliveryId, DestinationId};
use windlass_wire::answer::{Answer, DeletedBody, PageBody};
use windlass_wire::delivery::DeliveryBody;
use windlass_wire::destination::{DestinationBody, NewDestinationBody};
use windlass_wire::parameters::{DeliveryParameters, PageParameters};

use crate::authentication::Authenticated;
use crate::change::{Change, Proposed};
use crate::error::{ApiError, not_found, of_write};
use crate::events::TYPES;
use crate::json::{read, request_body};
use crate::kept::Shape;
use crate::listed::TimedId;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

request_body!(NewDestinationBody, "an event destination");

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(create_destination, list_destinations))
        .routes(routes!(read_destination, delete_destination))
        .routes(routes!(list_deliveries))
}

/// Makes an event destination, active at once. This answer alone shows the signing secret.
#[utoipa::path(post, path = "/v2/event-destinations", tag = "event destinations",
    request_body = NewDestinationBody, responses((status = 201, body = DestinationBody)),
    extensions(("x-errors" = json!(["source_blocked"]))))]
async fn create_destination(
    State(api): State<Api>,
    Proposed {
        change,
        body,
        mut wrong,
    }: Proposed<NewDestinationBody>,
) -> Result<Response, ApiError> {
    let webhook = body.webhook;
    let custom_headers = custom_headers(webhook.custom_headers).unwrap_or_else(|problem| {
        wrong.push(problem);
        Vec::new()
    });
    let new = NewWebhook {
        name: body.name,
        events: body.events,
        url: webhook.url,
        retry_profile: webhook
            .retry_profile
            .map(|profile| profile.as_str().to_owned()),
        secret: None,
        custom_headers,
        wrong,
    };
    let secret = CreateDestination::secret(webhook.secret.map(SecretString::from));
    let (write, answering) = change
        .begin(&api, Shape::MadeWithSecret(secret.clone()))
        .await?;
    let create = &api.application.create_destination;
    let written = create.execute(write, new, secret).await?;
    answering.answer(&written)
}

/// An object of texts, or such an object in a string.
fn custom_headers(given: Option<Value>) -> Result<Vec<(String, SecretString)>, Problem> {
    let wrong = || {
        Problem::of(
            ProblemKind::Invalid,
            "webhook.custom_headers",
            "`webhook.custom_headers` must be an object of strings, or such an object in a string.",
        )
    };
    let value = match given {
        None => return Ok(Vec::new()),
        Some(Value::String(text)) => read(text.as_bytes()).map_err(|_| wrong())?,
        Some(value) => value,
    };
    let Value::Object(members) = value else {
        return Err(wrong());
    };
    members
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(value) => Ok((name, SecretString::from(value))),
            _ => Err(wrong()),
        })
        .collect()
}

/// Lists event destinations, newest first.
#[utoipa::path(get, path = "/v2/event-destinations", tag = "event destinations",
    params(PageParameters), responses((status = 200, body = PageBody<DestinationBody>)))]
async fn list_destinations(
    State(api): State<Api>,
    caller: Authenticated,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let created = query.created();
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(DestinationId::place))?;
    let destinations = &api.application.ports.destinations;
    let page = destinations.list(organization, created, request).await?;
    Ok(paging.answer(&api, organization, &page, |destination| {
        DestinationBody::new(destination, None)
    }))
}

/// Reads an event destination, without its secrets.
#[utoipa::path(get, path = "/v2/event-destinations/{destination_id}", tag = "event destinations",
    params(("destination_id" = String, Path)), responses((status = 200, body = DestinationBody)))]
async fn read_destination(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<DestinationId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let destinations = &api.application.ports.destinations;
    let destination = destinations.get(caller.organization(), id).await?;
    let destination = destination.ok_or_else(|| not_found(Resource::EventDestination))?;
    let body = DestinationBody::new(&destination, None).answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Deletes an event destination, with what was not delivered to it yet.
#[utoipa::path(delete, path = "/v2/event-destinations/{destination_id}", tag = "event destinations",
    params(("destination_id" = String, Path)), responses((status = 200, body = DeletedBody)))]
async fn delete_destination(
    State(api): State<Api>,
    Path(id): Path<DestinationId>,
    change: Change,
) -> Result<Response, ApiError> {
    let deleted = Shape::Deleted {
        id: id.to_string(),
        object: "event_destination",
    };
    let (write, answering) = change.begin(&api, deleted).await?;
    let destinations = &api.application.ports.destinations;
    let written = destinations.delete(write, id).await;
    answering.answer(&written.map_err(of_write(Resource::EventDestination))?)
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
        types: query.name_filter("type", EventType::parse, TYPES),
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
    let body = |view: &DeliveryView| DeliveryBody::new(&view.delivery, &view.attempt_log);
    Ok(paging.answer(&api, organization, &page, body))
}

fn status(name: &str) -> Option<DeliveryStatus> {
    match name {
        "pending" => Some(DeliveryStatus::Pending),
        "success" => Some(DeliveryStatus::Success),
        "failure" => Some(DeliveryStatus::Failure),
        _ => None,
    }
}
