//! What a browser page may do with its token: it makes one credential, runs tasks with it and without
//! input, reads those runs and answers their questions. All else is refused. And what a page needs to
//! call from another origin (CORS). Source: docs/api.md, "Tokens for pages".

use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use windlass_application::{OrganizationContext, Resource};
use windlass_domain::id::RunId;
use windlass_domain::token::Token;
use windlass_wire::credential::NewCredentialBody;
use windlass_wire::run::StartRunBody;

use crate::error::{ApiError, not_found};
use crate::error_code::ErrorCode;
use crate::state::Api;

const LIST_SOURCES: &str = "/v2/sources";
const READ_SOURCE: &str = "/v2/sources/{source_id}";
const CREDENTIALS: &str = "/v2/credentials";
const START_RUN: &str = "/v2/tasks/{task_id}/run";
const READ_RUN: &str = "/v2/task-runs/{run_id}";
const ANSWER: &str = "/v2/task-runs/{run_id}/interaction";

/// The calls that a token may make.
static CALLS: [(Method, &str); 6] = [
    (Method::GET, LIST_SOURCES),
    (Method::GET, READ_SOURCE),
    (Method::POST, CREDENTIALS),
    (Method::POST, START_RUN),
    (Method::GET, READ_RUN),
    (Method::POST, ANSWER),
];

/// How long a browser remembers what it may ask, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");

const ANY: HeaderValue = HeaderValue::from_static("*");
const TAKEN: HeaderValue =
    HeaderValue::from_static("authorization, content-type, idempotency-key, prefer, traceparent");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset, \
     idempotent-replayed, windlass-ignored",
);

/// What a request asks for, as far as a token's rights depend on it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    method: Method,
    route: String,
    /// The id in the path, as it stands there.
    id: String,
    includes: bool,
}

impl Asked {
    /// Of this request.
    pub(crate) fn of(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        let id = request.uri().path().split('/').nth(3);
        let query = request.uri().query().unwrap_or_default();
        let mut parameters = url::form_urlencoded::parse(query.as_bytes());
        Self {
            method: request.method().clone(),
            route: route.map_or("", MatchedPath::as_str).to_owned(),
            id: id.unwrap_or_default().to_owned(),
            includes: parameters.any(|(name, _)| name == "include"),
        }
    }
}

fn refused(message: &str) -> ApiError {
    ApiError::new(ErrorCode::ScopeInsufficient, message)
}

/// Lets a page's request through that its token allows.
///
/// # Errors
/// 403 for what no token, or not this one, may do; 404 for what is not this token's.
pub(crate) async fn allow(
    api: &Api,
    organization: OrganizationContext,
    token: &Token,
    asked: &Asked,
) -> Result<(), ApiError> {
    let mut calls = CALLS.iter();
    if !calls.any(|(method, route)| *method == asked.method && *route == asked.route) {
        return Err(refused("A token may not make this call."));
    }
    let narrowing = &token.narrowing;
    match asked.route.as_str() {
        READ_RUN | ANSWER => {
            if asked.includes {
                return Err(refused("A token may not include what else a run has."));
            }
            is_own(api, organization, token, &asked.id).await
        }
        _ if narrowing.run_id.is_some() => Err(refused("The token is for one run alone.")),
        LIST_SOURCES if narrowing.source_id.is_some() => {
            Err(refused("The token is for one source: read that one."))
        }
        READ_SOURCE => match &narrowing.source_id {
            Some(id) if id.as_str() != asked.id => Err(not_found(Resource::Source)),
            Some(_) | None => Ok(()),
        },
        START_RUN => match &narrowing.task_id {
            Some(id) if id.as_str() != asked.id => Err(refused("The token is for another task.")),
            Some(_) | None => Ok(()),
        },
        // Of credentials the handler sees what is to be made.
        _ => Ok(()),
    }
}

/// Whether a run is the token's: the one that it is narrowed to, else any of its credential's.
async fn is_own(
    api: &Api,
    organization: OrganizationContext,
    token: &Token,
    id: &str,
) -> Result<(), ApiError> {
    let none = || not_found(Resource::TaskRun);
    let id = RunId::parse(id).map_err(|_| none())?;
    if let Some(own) = token.narrowing.run_id {
        return if own == id { Ok(()) } else { Err(none()) };
    }
    let run = api.application.ports.runs.get(organization, id).await?;
    let run = run.ok_or_else(none)?.run;
    if run.credential_id == Some(token.credential_id) {
        Ok(())
    } else {
        Err(none())
    }
}

/// Makes a credential what the token is narrowed to.
///
/// # Errors
/// It is another source's or another person's.
pub(crate) fn narrow_credential(
    token: &Token,
    body: &mut NewCredentialBody,
) -> Result<(), ApiError> {
    let narrowing = &token.narrowing;
    if let Some(source_id) = &narrowing.source_id
        && source_id.as_str() != body.source_id
    {
        return Err(refused("The token is for another source."));
    }
    if let Some(external_id) = &narrowing.external_id {
        let given = body.external_id.get_or_insert_with(|| external_id.clone());
        if given != external_id {
            return Err(refused("The token is for another `external_id`."));
        }
    }
    Ok(())
}

/// Its one credential is there already.
pub(crate) fn has_made_its_credential() -> ApiError {
    refused("A token makes one credential, and this one has made it.")
}

/// Whether a page may start this run: with its own credential, and with nothing of its own in it.
///
/// # Errors
/// It may not.
pub(crate) fn check_start(token: &Token, body: &StartRunBody) -> Result<(), ApiError> {
    if body.credential_id.as_deref() != Some(token.credential_id.to_string().as_str()) {
        return Err(refused(
            "A token runs tasks with the credential that it has made.",
        ));
    }
    let has_more = body.input.is_some() || body.session_id.is_some() || body.metadata.is_some();
    if has_more {
        return Err(refused(
            "A token runs tasks without `input`, `session_id` and `metadata`.",
        ));
    }
    Ok(())
}

/// The token of a request that showed one, for the handlers that look at more than the call.
pub(crate) fn token_of(extensions: &http::Extensions) -> Option<Arc<Token>> {
    extensions.get().cloned()
}

/// Whether a page of any origin may read the answer: it may on the calls that a token may make. No
/// cookie and nothing else of a browser's makes such a call: whoever has no token has nothing from it.
pub(crate) fn is_shared(request: &Request) -> bool {
    request.headers().contains_key(header::ORIGIN)
        && methods(request)
            .any(|method| method == request.method() || request.method() == Method::OPTIONS)
}

/// The answer to a page that asks what it may call; None for every other request.
pub(crate) fn preflight(request: &Request) -> Option<Response> {
    let asks = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !(asks && is_shared(request)) {
        return None;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, TAKEN);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
    let methods: Vec<&str> = methods(request).map(Method::as_str).collect();
    if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    }
    Some(response)
}

/// Lets a page of any origin read the answer.
pub(crate) fn share(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
}

/// By which methods a token may call the request's path.
fn methods(request: &Request) -> impl Iterator<Item = &'static Method> {
    let route = request.extensions().get::<MatchedPath>();
    CALLS
        .iter()
        .filter(move |(_, call)| route.is_some_and(|route| route.as_str() == *call))
        .map(|(method, _)| method)
}
