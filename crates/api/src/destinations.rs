//! Event destinations: where events are sent.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::Resource;
use windlass_application::create_destination::{CreateDestination, NewWebhook};
use windlass_application::replay_events::NewReplay;
use windlass_application::rotate_secret::RotateSecret;
use windlass_application::update_destination::DestinationChange;
use windlass_domain::id::DestinationId;
use windlass_wire::answer::{Answer, DeletedBody, PageBody};
use windlass_wire::destination::{
    ActiveName, DestinationBody, DestinationChangeBody, DestinationTestBody, NewDestinationBody,
    ReplayBody, ReplayedBody,
};
use windlass_wire::parameters::PageParameters;

use crate::authentication::Authenticated;
use crate::change::{Change, Proposed};
use crate::error::{ApiError, not_found, of_write};
use crate::json::{CANNOT_CHANGE, request_body};
use crate::kept::Shape;
use crate::listed::TimedId;
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::spellings::Spellings;
use crate::state::Api;

/// The configuration objects of types that this server does not have.
const OF_ANOTHER_TYPE: &str = "configures another type";

request_body!(
    NewDestinationBody,
    "an event destination",
    const REFUSED: &'static [(&'static str, &'static str)] = OTHER_TYPES;
);
request_body!(
    DestinationChangeBody,
    "an event destination",
    const REFUSED: &'static [(&'static str, &'static str)] = &CHANGES_NOT;
);
request_body!(ReplayBody, "a replay");

const OTHER_TYPES: &[(&str, &str)] = &[
    ("aws_eventbridge", OF_ANOTHER_TYPE),
    ("aws_kinesis", OF_ANOTHER_TYPE),
    ("aws_s3", OF_ANOTHER_TYPE),
    ("aws_sqs", OF_ANOTHER_TYPE),
    ("azure_servicebus", OF_ANOTHER_TYPE),
    ("gcp_pubsub", OF_ANOTHER_TYPE),
    ("hookdeck", OF_ANOTHER_TYPE),
    ("rabbitmq", OF_ANOTHER_TYPE),
];

const CHANGES_NOT: [(&str, &str); 9] = [
    ("type", CANNOT_CHANGE),
    OTHER_TYPES[0],
    OTHER_TYPES[1],
    OTHER_TYPES[2],
    OTHER_TYPES[3],
    OTHER_TYPES[4],
    OTHER_TYPES[5],
    OTHER_TYPES[6],
    OTHER_TYPES[7],
];

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(create_destination, list_destinations))
        .routes(routes!(
            read_destination,
            update_destination,
            delete_destination
        ))
        .routes(routes!(rotate_secret))
        .routes(routes!(test_destination))
        .routes(routes!(replay_events))
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
    let spellings = Spellings {
        webhook: body.webhook,
        config: body.config,
        credentials: body.credentials,
        type_config: body.type_config,
        topics: body.topics,
        resolved_events: body.resolved_events,
    };
    let webhook = spellings.read(&mut wrong).unwrap_or_default();
    let secret = CreateDestination::secret(webhook.secret.clone());
    let new = NewWebhook {
        name: body.name,
        events: body.events,
        webhook,
        wrong,
    };
    let (write, answering) = change
        .begin(
            &api,
            Shape::MadeWithSecret(StatusCode::CREATED, secret.clone()),
        )
        .await?;
    let create = &api.application.create_destination;
    let written = create.execute(write, new, secret).await?;
    answering.answer(&written)
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

/// Changes an event destination. What was parked goes out by replay alone.
#[utoipa::path(patch, path = "/v2/event-destinations/{destination_id}", tag = "event destinations",
    params(("destination_id" = String, Path)), request_body = DestinationChangeBody,
    responses((status = 200, body = DestinationBody)),
    extensions(("x-errors" = json!(["source_blocked"]))))]
async fn update_destination(
    State(api): State<Api>,
    Path(id): Path<DestinationId>,
    Proposed {
        change,
        body,
        mut wrong,
    }: Proposed<DestinationChangeBody>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let spellings = Spellings {
        webhook: body.webhook,
        config: body.config,
        credentials: body.credentials,
        type_config: body.type_config,
        topics: body.topics,
        resolved_events: body.resolved_events,
    };
    let change = DestinationChange {
        name: body.name,
        is_active: body.status.map(|status| status == ActiveName::Active),
        events: body.events,
        webhook: spellings.read(&mut wrong).unwrap_or_default(),
        wrong,
    };
    let update = &api.application.update_destination;
    let written = update.execute(write, id, change).await?;
    answering.answer(&written)
}

/// Gives an event destination a new signing secret; the old one signs for 24 hours beside it.
#[utoipa::path(post, path = "/v2/event-destinations/{destination_id}/rotate-secret",
    tag = "event destinations", params(("destination_id" = String, Path)),
    responses((status = 200, body = DestinationBody)))]
async fn rotate_secret(
    State(api): State<Api>,
    Path(id): Path<DestinationId>,
    change: Change,
) -> Result<Response, ApiError> {
    let secret = RotateSecret::secret();
    let shape = Shape::MadeWithSecret(StatusCode::OK, secret.clone());
    let (write, answering) = change.begin(&api, shape).await?;
    let rotate = &api.application.rotate_secret;
    let written = rotate.execute(write, id, secret).await?;
    answering.answer(&written)
}

/// Sends an event destination a signed `ping`, and says what came of it.
#[utoipa::path(post, path = "/v2/event-destinations/{destination_id}/test",
    tag = "event destinations", params(("destination_id" = String, Path)),
    responses((status = 200, body = DestinationTestBody)))]
async fn test_destination(
    State(api): State<Api>,
    received: Received,
    Path(id): Path<DestinationId>,
    change: Change,
) -> Result<Response, ApiError> {
    let test = &api.application.test_destination;
    let attempt = test.execute(change.caller().organization(), id).await?;
    let body = DestinationTestBody::new(&attempt, received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Sends the events of a period once more to an event destination.
#[utoipa::path(post, path = "/v2/event-destinations/{destination_id}/replay",
    tag = "event destinations", params(("destination_id" = String, Path)),
    request_body = ReplayBody, responses((status = 200, body = ReplayedBody)))]
async fn replay_events(
    State(api): State<Api>,
    Path(id): Path<DestinationId>,
    Proposed {
        change,
        body,
        wrong,
    }: Proposed<ReplayBody>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let new = NewReplay {
        created_after: body.created_after,
        created_before: body.created_before,
        types: body.types,
        wrong,
    };
    let replay = &api.application.replay_events;
    let written = replay.execute(write, id, new).await?;
    answering.answer(&written)
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
