//! The way in: user name and password, then the code from the phone; and the way out.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use http::HeaderMap;
use serde::Deserialize;

use crate::page::{Audience, escape, foreign_form, page};
use crate::session::{
    CodeOutcome, Session, form_token, is_own_form, no_session_cookie, random_code, session_cookie,
};
use crate::site::{Codes, Site};
use crate::user::User;
use crate::visit::VisitNumber;

pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/", get(async || Redirect::to("/login")))
        .route("/login", get(show_login).post(log_in))
        .route("/verify", get(show_code_form).post(verify))
        .route("/logout", get(log_out))
}

async fn show_login(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    match site.sessions.of(&headers) {
        Some(Session::SignedIn { .. }) => Redirect::to("/invoices").into_response(),
        // A login that waits for its code may be given up and begun anew.
        Some(Session::AwaitsCode { .. }) | None => login_form(&headers, "", LoginError::None),
    }
}

#[derive(Deserialize)]
struct LoginFields {
    token: String,
    username: String,
    password: String,
}

async fn log_in(
    State(site): State<Arc<Site>>,
    Extension(visit): Extension<VisitNumber>,
    headers: HeaderMap,
    Form(fields): Form<LoginFields>,
) -> Response {
    if !is_own_form(&headers, &fields.token) {
        return foreign_form();
    }
    site.visits.set_username(visit, &fields.username);
    let known = site
        .users
        .iter()
        .find(|user| user.username == fields.username);
    // An unknown user and a wrong password look the same, so that nobody can find out who is a customer.
    let Some(user) = known.filter(|user| user.password == fields.password) else {
        return login_form(&headers, &fields.username, LoginError::Refused);
    };
    site.sessions.close(&headers);
    let user = Arc::clone(user);
    match site.codes {
        Codes::Sent => {
            let code = random_code();
            site.phone.receive(&user.username, &code);
            let session = Session::AwaitsCode {
                user,
                code,
                wrong_codes: 0,
            };
            let token = site.sessions.open(session);
            (session_cookie(token), Redirect::to("/verify")).into_response()
        }
        Codes::NotNeeded => {
            let token = site.sessions.open(Session::SignedIn { user });
            (session_cookie(token), Redirect::to("/invoices")).into_response()
        }
    }
}

async fn show_code_form(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    match site.sessions.of(&headers) {
        Some(Session::AwaitsCode { user, .. }) => code_form(&headers, &user, CodeError::None),
        Some(Session::SignedIn { .. }) => Redirect::to("/invoices").into_response(),
        None => Redirect::to("/login").into_response(),
    }
}

#[derive(Deserialize)]
struct CodeFields {
    token: String,
    code: String,
}

async fn verify(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    Form(fields): Form<CodeFields>,
) -> Response {
    if !is_own_form(&headers, &fields.token) {
        return foreign_form();
    }
    match site.sessions.try_code(&headers, fields.code.trim()) {
        CodeOutcome::SignedIn { token } => {
            (session_cookie(token), Redirect::to("/invoices")).into_response()
        }
        CodeOutcome::Wrong => match site.sessions.of(&headers) {
            Some(session) => code_form(&headers, session.user(), CodeError::Wrong),
            None => Redirect::to("/login").into_response(),
        },
        CodeOutcome::NoLogin => Redirect::to("/login").into_response(),
    }
}

async fn log_out(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.sessions.close(&headers);
    (no_session_cookie(), Redirect::to("/login")).into_response()
}

#[derive(Clone, Copy)]
enum LoginError {
    None,
    Refused,
}

fn login_form(headers: &HeaderMap, username: &str, error: LoginError) -> Response {
    let error = match error {
        LoginError::None => "",
        LoginError::Refused => {
            r#"<p class="error login-error" role="alert">Wrong user name or password</p>"#
        }
    };
    let (token, cookie) = form_token(headers);
    let content = format!(
        r#"<div class="card narrow">
<h1>Log in to My Page</h1>
{error}
<form id="login-form" method="post" action="/login">
<input type="hidden" name="token" value="{token}">
<label for="username">User name</label>
<input id="username" name="username" type="text" value="{username}" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button id="log-in" type="submit">Log in</button>
</form>
</div>"#,
        token = escape(&token),
        username = escape(username),
    );
    (cookie, page("Log in", Audience::Anybody, &content)).into_response()
}

#[derive(Clone, Copy)]
enum CodeError {
    None,
    Wrong,
}

fn code_form(headers: &HeaderMap, user: &User, error: CodeError) -> Response {
    let error = match error {
        CodeError::None => "",
        CodeError::Wrong => {
            r#"<p class="error code-error" role="alert">That code is wrong. Try again.</p>"#
        }
    };
    let (token, cookie) = form_token(headers);
    let content = format!(
        r#"<div class="card narrow">
<h1>Enter your code</h1>
{error}
<p class="hint" id="code-hint">We have sent a code of six digits to the phone that ends in {ending}.</p>
<form id="code-form" method="post" action="/verify">
<input type="hidden" name="token" value="{token}">
<label for="code">Code</label>
<input id="code" name="code" type="text" inputmode="numeric" autocomplete="one-time-code" maxlength="20" aria-describedby="code-hint" required>
<button id="verify" type="submit">Go on</button>
</form>
</div>"#,
        token = escape(&token),
        ending = escape(&user.phone_ending),
    );
    (cookie, page("Enter your code", Audience::Anybody, &content)).into_response()
}
