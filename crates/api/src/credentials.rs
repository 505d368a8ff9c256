//! Credentials: what authenticates a person at a source.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use secrecy::SecretString;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use windlass_application::create_credential::{NewContents, NewCredential};
use windlass_application::ports::credentials::CredentialFilter;
use windlass_application::update_credential::CredentialChange;
use windlass_application::{CallError, Resource};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::id::CredentialId;
use windlass_wire::answer::{Answer, DeletedBody, PageBody};
use windlass_wire::credential::{
    CredentialBody, CredentialChangeBody, NewAuthCredentialsBody, NewCredentialBody,
};
use windlass_wire::parameters::{CredentialParameters, PageParameters};

use crate::authentication::Authenticated;
use crate::change::{Change, Proposed};
use crate::error::{ApiError, of_write};
use crate::json::{CANNOT_CHANGE, request_body};
use crate::kept::{Shape, credential};
use crate::listed::TimedId;
use crate::page_token::{has_made_its_credential, narrow_credential};
use crate::path::Path;
use crate::query::Query;
use crate::request::{Received, json};
use crate::state::Api;

request_body!(NewCredentialBody, "a credential");
request_body!(
    CredentialChangeBody,
    "a credential",
    const CLEARED: &'static [&'static str] = &["external_id"];,
    const REFUSED: &'static [(&'static str, &'static str)] =
        &[("auth_method", CANNOT_CHANGE), ("source_id", CANNOT_CHANGE)];
);

pub(crate) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(create_credential, list_credentials))
        .routes(routes!(
            read_credential,
            update_credential,
            delete_credential
        ))
}

/// Makes a credential. Its secrets are sealed and never shown again.
#[utoipa::path(post, path = "/v2/credentials", tag = "credentials",
    request_body = NewCredentialBody, responses((status = 201, body = CredentialBody)),
    extensions(("x-errors" = json!(["source_invalid"]))))]
async fn create_credential(
    State(api): State<Api>,
    Proposed {
        change,
        mut body,
        wrong,
    }: Proposed<NewCredentialBody>,
) -> Result<Response, ApiError> {
    let token = change.token.clone();
    if let Some(token) = &token {
        narrow_credential(token, &mut body)?;
    }
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::CREATED)).await?;
    let new = NewCredential {
        source_id: body.source_id,
        auth_method: body.auth_method.map(|method| method.as_str().to_owned()),
        contents: contents(body.auth_credentials.unwrap_or_default()),
        external_id: body.external_id,
        wrong,
    };
    let create = &api.application.create_credential;
    let written = match token {
        None => create.execute(write, new).await?,
        Some(token) => create
            .execute_as(write, new, token.credential_id)
            .await
            .map_err(|error| match error {
                CallError::IdTaken(_) => has_made_its_credential(),
                error => error.into(),
            })?,
    };
    answering.answer(&written)
}

fn contents(given: NewAuthCredentialsBody) -> NewContents {
    NewContents {
        username: given.username,
        password: given.password.map(SecretString::from),
        totp_secret: given.totp_secret.map(SecretString::from),
        source_fields: given.source_fields.unwrap_or_default(),
    }
}

/// Lists credentials, newest first, deleted ones too.
#[utoipa::path(get, path = "/v2/credentials", tag = "credentials",
    params(PageParameters, CredentialParameters),
    responses((status = 200, body = PageBody<CredentialBody>)))]
async fn list_credentials(
    State(api): State<Api>,
    caller: Authenticated,
    mut query: Query,
) -> Result<Response, ApiError> {
    let organization = caller.organization();
    let cursor = query.list(&api, organization);
    let sources = query.id_filter("source_id");
    let filter = CredentialFilter {
        source_ids: sources.ids,
        statuses: query.name_filter(
            "status",
            CredentialStatus::parse,
            "`unverified`, `verified`, `invalid` or `deleted`",
        ),
        external_id: query.text_filter("external_id"),
        created: query.created(),
    };
    let paging = query.page(cursor)?;
    let request = paging.request(paging.named().and_then(CredentialId::place))?;
    if sources.matches_none {
        return Ok(paging.answer_nothing());
    }
    let credentials = &api.application.read_credentials;
    let page = credentials.list(organization, filter, request).await?;
    Ok(paging.answer(&api, organization, &page, credential))
}

/// Reads a credential, without its secrets.
#[utoipa::path(get, path = "/v2/credentials/{credential_id}", tag = "credentials",
    params(("credential_id" = String, Path)), responses((status = 200, body = CredentialBody)))]
async fn read_credential(
    State(api): State<Api>,
    caller: Authenticated,
    received: Received,
    Path(id): Path<CredentialId>,
    query: Query,
) -> Result<Response, ApiError> {
    query.end()?;
    let credentials = &api.application.read_credentials;
    let view = credentials.get(caller.organization(), id).await?;
    let body = credential(&view).answering(received.request_id.to_string());
    Ok(json(StatusCode::OK, &body))
}

/// Changes a credential. New secrets replace all that was, and are not verified yet.
#[utoipa::path(patch, path = "/v2/credentials/{credential_id}", tag = "credentials",
    params(("credential_id" = String, Path)), request_body = CredentialChangeBody,
    responses((status = 200, body = CredentialBody)),
    extensions(("x-errors" = json!(["credential_deleted"]))))]
async fn update_credential(
    State(api): State<Api>,
    Path(id): Path<CredentialId>,
    Proposed {
        change,
        body,
        wrong,
    }: Proposed<CredentialChangeBody>,
) -> Result<Response, ApiError> {
    let (write, answering) = change.begin(&api, Shape::Made(StatusCode::OK)).await?;
    let change = CredentialChange {
        contents: body.auth_credentials.map(contents),
        external_id: body.external_id,
        wrong,
    };
    let update = &api.application.update_credential;
    let written = update.execute(write, id, change).await?;
    answering.answer(&written)
}

/// Erases a credential's secrets for good; its record stays, as `deleted`.
#[utoipa::path(delete, path = "/v2/credentials/{credential_id}", tag = "credentials",
    params(("credential_id" = String, Path)), responses((status = 200, body = DeletedBody)))]
async fn delete_credential(
    State(api): State<Api>,
    Path(id): Path<CredentialId>,
    change: Change,
) -> Result<Response, ApiError> {
    let deleted = Shape::Deleted {
        id: id.to_string(),
        object: "credential",
    };
    let (write, answering) = change.begin(&api, deleted).await?;
    let credentials = &api.application.ports.credentials;
    let written = credentials.delete(write, id).await;
    answering.answer(&written.map_err(of_write(Resource::Credential))?)
}
