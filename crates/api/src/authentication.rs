//! Who calls: known by an API key before anything else is looked at.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, header};
use secrecy::{ExposeSecret, SecretString};
use windlass_application::authenticate::NotAuthenticated;
use windlass_application::issue_token::PREFIX;
use windlass_application::{Caller, OrganizationContext};
use windlass_domain::key::Scope;
use windlass_domain::token::Token;

use crate::call_limits::{Admitted, Kind, admit};
use crate::change::reading;
use crate::error::ApiError;
use crate::error_code::ErrorCode;
use crate::page_token::{Asked, allow};
use crate::request::{is_of, is_write};
use crate::state::Api;
use crate::worker;

/// Who calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authenticated(pub(crate) Caller);

impl Authenticated {
    /// Whose rows the call may touch.
    pub(crate) fn organization(self) -> OrganizationContext {
        self.0.organization
    }
}

impl<S: Sync> FromRequestParts<S> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        // The layer below puts it there. A route without that layer serves nobody.
        let caller = parts.extensions.get::<Self>().copied();
        caller.ok_or_else(|| ApiError::from(NotAuthenticated::InvalidKey))
    }
}

/// Lets through who shows a key whose scope reaches, and whose organization has made no more calls
/// than it may.
///
/// No `async fn`, and what is done before the call is on the heap: a call that waits has no room for it.
pub(crate) fn authenticate(
    State(api): State<Api>,
    request: Request,
    next: Next,
) -> impl Future<Output = Response> + Send {
    let may_write = is_write(request.method());
    let entering = Box::pin(enter(api.clone(), request));
    async move {
        let (request, admitted) = match entering.await {
            Ok(entered) => entered,
            Err(refused) => return refused,
        };
        let response = next.run(request).await;
        if may_write && response.status().is_success() {
            api.application.follow_events.stir();
        }
        admitted.answer(response)
    }
}

/// The request with its caller; the answer to one that may not go on.
async fn enter(api: Api, mut request: Request) -> Result<(Request, Admitted), Response> {
    let refused = |error: ApiError| error.into_response();
    let key = bearer(request.headers())
        .ok_or_else(|| refused(ApiError::from(NotAuthenticated::InvalidKey)))?;
    let kind = Kind::of(&request);
    let known = known(&api, &key).await;
    let (caller, token) = known.map_err(|error| refused(error.into()))?;
    let organization_id = caller.organization.organization_id();
    is_of(organization_id);
    let admitted = admit(&api, organization_id, kind).await.map_err(refused)?;
    let allowed = match token {
        None => reaches(caller.scope, &request),
        Some(token) => {
            let asked = Asked::of(&request);
            request.extensions_mut().insert(Arc::clone(&token));
            allow(&api, caller.organization, &token, &asked).await
        }
    };
    if let Err(error) = allowed {
        return Err(admitted.answer(refused(error)));
    }
    if !is_write(request.method()) {
        request = match reading(request).await {
            Ok(request) => request,
            Err(error) => return Err(admitted.answer(refused(error))),
        };
    }
    request.extensions_mut().insert(Authenticated(caller));
    if let Some(open) = &admitted.open {
        request.extensions_mut().insert(Arc::clone(open));
    }
    Ok((request, admitted))
}

/// Who shows this key or token.
async fn known(
    api: &Api,
    key: &SecretString,
) -> Result<(Caller, Option<Arc<Token>>), NotAuthenticated> {
    let authenticate = &api.application.authenticate;
    if key.expose_secret().starts_with(PREFIX) {
        let (caller, token) = authenticate.by_token(key).await?;
        return Ok((caller, Some(Arc::new(token))));
    }
    Ok((authenticate.execute(key).await?, None))
}

/// Whether a key of this scope may make this call.
fn reaches(scope: Scope, request: &Request) -> Result<(), ApiError> {
    let path = request.uri().path();
    let is_workers = path.starts_with(worker::PREFIX);
    let reaches = match scope {
        Scope::Full => true,
        Scope::Read => !is_write(request.method()) && !is_workers,
        // Whoever has a key may ask whether it works.
        Scope::Worker => is_workers || path == "/v2/test",
    };
    if reaches {
        Ok(())
    } else {
        Err(scope_insufficient(scope))
    }
}

fn scope_insufficient(scope: Scope) -> ApiError {
    ApiError::new(
        ErrorCode::ScopeInsufficient,
        format!(
            "A key of scope `{}` may not make this call.",
            scope.as_str()
        ),
    )
}

/// The key that a request shows.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, key) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| SecretString::from(key.trim()))
}
