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

use crate::call_limits::{Kind, admit};
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
pub(crate) async fn authenticate(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = bearer(request.headers()).ok_or(NotAuthenticated::InvalidKey)?;
    let kind = Kind::of(&request);
    let (caller, token) = known(&api, &key).await?;
    let organization_id = caller.organization.organization_id();
    is_of(organization_id);
    let admitted = admit(&api, organization_id, kind).await?;
    let allowed = match token {
        None => reaches(caller.scope, &request),
        Some(token) => {
            let asked = Asked::of(&request);
            request.extensions_mut().insert(Arc::clone(&token));
            allow(&api, caller.organization, &token, &asked).await
        }
    };
    if let Err(refused) = allowed {
        return Ok(admitted.answer(refused.into_response()));
    }
    request.extensions_mut().insert(Authenticated(caller));
    if let Some(open) = &admitted.open {
        request.extensions_mut().insert(Arc::clone(open));
    }
    let may_write = is_write(request.method());
    let response = next.run(request).await;
    if may_write && response.status().is_success() {
        api.application.follow_events.stir();
    }
    Ok(admitted.answer(response))
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
