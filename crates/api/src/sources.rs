//! Sources: the websites that tasks are done on.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::create_source::NewSource;
use windlass_application::ports::sources::SourceFilter;
use windlass_application::update_source::SourceChange;
use windlass_application::{Key, OrganizationContext, Resource};
use windlass_domain::id::SourceId;
use windlass_wire::answer::{Answer, DeletedBody, PageBody};
use windlass_wire::parameters::{PageParameters, SourceParameters};
use windlass_wire::source::{NewSourceBody, SourceBody, SourceChangeBody};

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

request_body!(NewSourceBody, "a source");
request_body!(
    SourceChangeBody,
    "a source",
    const CLEARED: &'static [&'static str] = &["name"];,
    const REFUSED: &'static [(&'static str, &'static str)] =
        &[("id", CANNOT_CHANGE), ("type", CANNOT_CHANGE)];
);

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(create_source, list_sources))
        .routes(routes!(read_source, update_source, delete_source))
}

/// Makes a source.
#[utoipa::path(post, path = "/v2/sources", tag = "sources",
    request_body = NewSourceBody, responses((status = 200, body = SourceBody)),
    extensions(("x-errors" = json!(["id_taken", "source_blocked"]))))]
async fn create_source(
    State(api): State<Api>,
    Proposed {
        change,
        body,
        wrong,
    }: Proposed<NewSourceBody>,
) -> Result<Response, ApiError> {
    // 200, as callers of Deck's API know it.
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let new = NewSource {
        id: body.id,
        name: body.name,
        url: body.website.url,
        wrong,
    };
    let written = api.application.create_source.execute(write, new).await?;
    answering.answer(&written)
}

/// Lists sources, newest first.
#[utoipa::path(get, path = "/v2/sources", tag = "sources",
    params(PageParameters, SourceParameters), responses((status = 200, body = PageBody<SourceBody>)))]
async fn list_sources(
    State(api): State<Api>,
    caller: Authenticated,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let website = |name: &str| (name == "website").then_some(());
    query.name_filter("type", website, "`website`");
    let filter = SourceFilter {
        name: query.text_filter("name"),
        created: query.created(),
    };
    let paging = query.page(cursor)?;
    let start = match paging.named() {
        None => None,
        Some(id) => place(&api, organization, id).await?,
    };
    let sources = &api.application.ports.sources;
    let page = sources
        .list(organization, filter, paging.request(start)?)
        .await?;
    Ok(paging.answer(&api, organization, &page, SourceBody::from))
}

/// Where the source of this id stands in the list.
async fn place(
    api: &Api,
    organization: OrganizationContext,
    id: &str,
) -> Result<Option<Key>, ApiError> {
    let Ok(id) = SourceId::parse(id) else {
        return Ok(None);
    };
    let sources = &api.application.ports.sources;
    let source = sources.get(organization, &id).await?;
    Ok(source.map(|source| source.key()))
}

/// Reads a source.
#[utoipa::path(get, path = "/v2/sources/{source_id}", tag = "sources",
    params(("source_id" = String, Path)), responses((status = 200, body = SourceBody)))]
async fn read_source(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<SourceId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let sources = &api.application.ports.sources;
    let source = sources.get(caller.organization(), &id).await?;
    let source = source.ok_or_else(|| not_found(Resource::Source))?;
    let body = SourceBody::from(&source).answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Changes a source.
#[utoipa::path(patch, path = "/v2/sources/{source_id}", tag = "sources",
    params(("source_id" = String, Path)), request_body = SourceChangeBody,
    responses((status = 200, body = SourceBody)),
    extensions(("x-errors" = json!(["source_blocked"]))))]
async fn update_source(
    State(api): State<Api>,
    Path(id): Path<SourceId>,
    Proposed {
        change,
        body,
        wrong,
    }: Proposed<SourceChangeBody>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let change = SourceChange {
        name: body.name,
        url: body.website.map(|website| website.url),
        wrong,
    };
    let update = &api.application.update_source;
    let written = update.execute(write, &id, change).await?;
    answering.answer(&written)
}

/// Deletes a source that nothing needs.
#[utoipa::path(delete, path = "/v2/sources/{source_id}", tag = "sources",
    params(("source_id" = String, Path)), responses((status = 200, body = DeletedBody)),
    extensions(("x-errors" = json!(["resource_in_use"]))))]
async fn delete_source(
    State(api): State<Api>,
    Path(id): Path<SourceId>,
    change: Change,
) -> Result<Response, ApiError> {
    let deleted = Shape::Deleted {
        id: id.to_string(),
        object: "source",
    };
    let (write, answering) = change.begin(&api, deleted).await?;
    let sources = &api.application.ports.sources;
    let written = sources.delete(write, &id).await;
    answering.answer(&written.map_err(of_write(Resource::Source))?)
}
