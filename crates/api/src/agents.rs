//! Agents: groups of tasks.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::create_agent::NewAgent;
use windlass_application::update_agent::AgentChange;
use windlass_application::{Key, OrganizationContext, Resource};
use windlass_domain::id::AgentId;
use windlass_wire::agent::{AgentBody, AgentChangeBody, NewAgentBody};
use windlass_wire::answer::{Answer, DeletedBody, PageBody};
use windlass_wire::parameters::PageParameters;

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

request_body!(NewAgentBody, "an agent");
request_body!(
    AgentChangeBody,
    "an agent",
    const CLEARED: &'static [&'static str] = &["description"];,
    const REFUSED: &'static [(&'static str, &'static str)] = &[("id", CANNOT_CHANGE)];
);

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(create_agent, list_agents))
        .routes(routes!(read_agent, update_agent, delete_agent))
}

/// Makes an agent.
#[utoipa::path(post, path = "/v2/agents", tag = "agents",
    request_body = NewAgentBody, responses((status = 201, body = AgentBody)),
    extensions(("x-errors" = json!(["id_taken"]))))]
async fn create_agent(
    State(api): State<Api>,
    Proposed {
        change,
        body,
        wrong,
    }: Proposed<NewAgentBody>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::CREATED)).await?;
    let new = NewAgent {
        id: body.id,
        name: body.name,
        description: body.description,
        wrong,
    };
    let written = api.application.create_agent.execute(write, new).await?;
    answering.answer(&written)
}

/// Lists agents, newest first.
#[utoipa::path(get, path = "/v2/agents", tag = "agents",
    params(PageParameters), responses((status = 200, body = PageBody<AgentBody>)))]
async fn list_agents(
    State(api): State<Api>,
    caller: Authenticated,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let created = query.created();
    let paging = query.page(cursor)?;
    let start = match paging.named() {
        None => None,
        Some(id) => place(&api, organization, id).await?,
    };
    let agents = &api.application.ports.agents;
    let page = agents
        .list(organization, created, paging.request(start)?)
        .await?;
    Ok(paging.answer(&api, organization, &page, AgentBody::from))
}

/// Where the agent of this id stands in the list.
async fn place(
    api: &Api,
    organization: OrganizationContext,
    id: &str,
) -> Result<Option<Key>, ApiError> {
    let Ok(id) = AgentId::parse(id) else {
        return Ok(None);
    };
    let agent = api.application.ports.agents.get(organization, &id).await?;
    Ok(agent.map(|agent| agent.key()))
}

/// Reads an agent.
#[utoipa::path(get, path = "/v2/agents/{agent_id}", tag = "agents",
    params(("agent_id" = String, Path)), responses((status = 200, body = AgentBody)))]
async fn read_agent(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<AgentId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let agents = &api.application.ports.agents;
    let agent = agents.get(caller.organization(), &id).await?;
    let agent = agent.ok_or_else(|| not_found(Resource::Agent))?;
    let body = AgentBody::from(&agent).answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Changes an agent.
#[utoipa::path(patch, path = "/v2/agents/{agent_id}", tag = "agents",
    params(("agent_id" = String, Path)), request_body = AgentChangeBody,
    responses((status = 200, body = AgentBody)))]
async fn update_agent(
    State(api): State<Api>,
    Path(id): Path<AgentId>,
    Proposed {
        change,
        body,
        wrong,
    }: Proposed<AgentChangeBody>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let change = AgentChange {
        name: body.name,
        description: body.description,
        wrong,
    };
    let update = &api.application.update_agent;
    let written = update.execute(write, &id, change).await?;
    answering.answer(&written)
}

/// Deletes an agent that has no tasks.
#[utoipa::path(delete, path = "/v2/agents/{agent_id}", tag = "agents",
    params(("agent_id" = String, Path)), responses((status = 200, body = DeletedBody)),
    extensions(("x-errors" = json!(["resource_in_use"]))))]
async fn delete_agent(
    State(api): State<Api>,
    Path(id): Path<AgentId>,
    change: Change,
) -> Result<Response, ApiError> {
    let deleted = Shape::Deleted {
        id: id.to_string(),
        object: "agent",
    };
    let (write, answering) = change.begin(&api, deleted).await?;
    let agents = &api.application.ports.agents;
    let written = agents
        .delete(write, &id)
        .await
        .map_err(of_write(Resource::Agent))?;
    answering.answer(&written)
}
