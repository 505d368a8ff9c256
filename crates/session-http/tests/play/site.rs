//! A small website with a login, a code, bills over two pages, a file, and pages that mean harm.

use std::collections::HashSet;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use futures_util::stream;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;
use windlass_playbook::totp_code;

pub(crate) const PASSWORD: &str = "vinter-og-vår";
pub(crate) const CODE: &str = "604218";

pub(crate) const TOTP_SECRET: &str = "gezd gnbv gy3t qojq";

/// The form's token: a form that was not loaded first is refused.
const TOKEN: &str = "t0k&n";

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    hits: Arc<AtomicUsize>,
}

impl Site {
    pub(crate) async fn start() -> Self {
        let hits = Arc::new(AtomicUsize::new(0));
        let codes = Arc::new(Mutex::new(HashSet::new()));
        let router = Router::new()
            .route("/", get(async || Redirect::to("/login")))
            .route("/login", get(show_login).post(log_in))
            .route("/code", get(show_code).post(verify))
            .route("/authenticator", get(show_code).post(authenticate))
            .route(
                "/once",
                get(show_code).post(async move |body: Bytes| once(&codes, &body)),
            )
            .route("/bills", get(bills))
            .route("/bills/{name}", get(file))
            .route("/endless-file", get(endless_file))
            .route("/list", get(list))
            .route(
                "/list-of-one",
                get(async || page("<ul><li>1</ul><a class=next href='/never'>Next</a>")),
            )
            .route(
                "/files",
                get(async || page("<a href=/endless-file>All</a>")),
            )
            .route("/endless", get(async || Html(endless())))
            .route("/deep", get(async || Html("<div>".repeat(100_000))))
            .route("/loop", get(async || Redirect::to("/loop")))
            .route(
                "/private",
                get(async || Redirect::to("http://10.0.0.1/secret")),
            )
            .route("/broken", get(async || StatusCode::INTERNAL_SERVER_ERROR))
            .route(
                "/forbidden",
                get(async || (StatusCode::FORBIDDEN, Html("<h1>No robots</h1>"))),
            )
            .route("/never", get(std::future::pending::<StatusCode>))
            .layer(middleware::from_fn_with_state(Arc::clone(&hits), count))
            .with_state(());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // It ends with the test's runtime.
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, hits }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// How many requests have come.
    pub(crate) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    pub(crate) fn counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.hits)
    }
}

async fn count(State(hits): State<Arc<AtomicUsize>>, request: Request, next: Next) -> Response {
    hits.fetch_add(1, Ordering::SeqCst);
    next.run(request).await
}

fn page(content: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html><body><main>{content}</main></body></html>"
    ))
}

fn has_cookie(headers: &HeaderMap, cookie: &str) -> bool {
    let cookies = headers
        .get(header::COOKIE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    cookies.split("; ").any(|one| one == cookie)
}

fn fields(body: &Bytes) -> Vec<(String, String)> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn login_form(error: &str) -> Html<String> {
    page(&format!(
        "{error}<form id=login method=post action='/login'>
         <input type=hidden name=token value='t0k&amp;n'>
         <label for=user>User</label><input id=user name=user><input id=pass name=pass type=password>
         <button id=go name=action value=login>Log in</button></form>"
    ))
}

async fn show_login() -> Response {
    (
        [(header::SET_COOKIE, "visit=1; Path=/; HttpOnly")],
        login_form(""),
    )
        .into_response()
}

async fn log_in(headers: HeaderMap, body: Bytes) -> Response {
    let expected = |password: &str| {
        [
            ("token", TOKEN),
            ("user", "kari"),
            ("pass", password),
            ("action", "login"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    if !has_cookie(&headers, "visit=1") {
        return (StatusCode::FORBIDDEN, page("No visit")).into_response();
    }
    if fields(&body) != expected(PASSWORD) {
        // As many sites do: the form again, with 401.
        return (
            StatusCode::UNAUTHORIZED,
            login_form("<p class=error>Wrong password</p>"),
        )
            .into_response();
    }
    (
        [(header::SET_COOKIE, "pending=1; Path=/")],
        Redirect::to("/code"),
    )
        .into_response()
}

fn code_form(error: &str) -> Html<String> {
    page(&format!(
        "{error}<form method=post><input id=code name=code><input id=verify type=submit value=OK></form>"
    ))
}

async fn show_code() -> Html<String> {
    code_form("")
}

async fn verify(headers: HeaderMap, body: Bytes) -> Response {
    if !has_cookie(&headers, "pending=1") || fields(&body) != [("code".to_owned(), CODE.to_owned())]
    {
        return code_form("<p class=wrong>Wrong code</p>").into_response();
    }
    let cookies = [
        (header::SET_COOKIE, "session=kari; Path=/"),
        (header::SET_COOKIE, "pending=; Max-Age=0; Path=/"),
    ];
    (
        axum::response::AppendHeaders(cookies),
        Redirect::to("/bills"),
    )
        .into_response()
}

/// The code of an authenticator app; one that was right a moment ago is too.
async fn authenticate(body: Bytes) -> Response {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let codes = [now, now - 30].map(|at| totp_code(&SecretString::from(TOTP_SECRET), at).unwrap());
    let right = fields(&body)
        .iter()
        .any(|(_, code)| codes.iter().any(|known| known.expose_secret() == code));
    page(if right {
        "<p id=in>Welcome</p>"
    } else {
        "<p>Wrong code</p>"
    })
    .into_response()
}

/// A code that was seen before is refused.
fn once(seen: &Mutex<HashSet<Bytes>>, body: &Bytes) -> Html<String> {
    match seen.lock().unwrap().insert(body.clone()) {
        true => page("<p>Welcome</p>"),
        false => page("<p class=used>This code was used</p>"),
    }
}

async fn bills(headers: HeaderMap, OriginalUri(uri): OriginalUri) -> Response {
    if !has_cookie(&headers, "session=kari") {
        return Redirect::to("/login").into_response();
    }
    let (rows, next) = match uri.query() {
        Some("page=2") => ("<tr><td>November 2025<td>99,00 kr<td>20.11.2025", "<a class=next href='/bills'>First</a>"),
        _ => (
            "<tr><td>January\u{a0}2026<td>1 249,50 kr<td>20 January 2026<td><a class=pdf href='/bills/1?key=17#top'>PDF</a>
             <tr><td>December 2025<td>$12<td>2025-12-20",
            "<a class=next href='?page=2'>Next</a>",
        ),
    };
    let content = format!(
        "<p id=name>Kari\n Nordmann</p><p id=due>Due: <b>1 249,50</b> kr</p><a id=me href='/me?x=1'>Me</a>
         <table><tbody>{rows}</table>{next}"
    );
    page(&content).into_response()
}

/// Pages without end; the fourth is refused.
async fn list(OriginalUri(uri): OriginalUri) -> Response {
    let number: u32 = uri
        .query()
        .and_then(|query| query.parse().ok())
        .unwrap_or(1);
    let next = number + 1;
    let content = page(&format!(
        "<ul><li>{number}</ul><a class=next href='?{next}'>Next</a>"
    ));
    match number {
        4 => (StatusCode::TOO_MANY_REQUESTS, page("Slow down")).into_response(),
        _ => content.into_response(),
    }
}

async fn file(headers: HeaderMap) -> Response {
    if !has_cookie(&headers, "session=kari") {
        return Redirect::to("/login").into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, "application/pdf"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"../../etc/passwd\"",
        ),
    ];
    (headers, "%PDF-1.7").into_response()
}

fn endless() -> Body {
    let chunk = Bytes::from(vec![b'x'; 64 * 1024]);
    Body::from_stream(stream::repeat_with(move || {
        Ok::<_, Infallible>(chunk.clone())
    }))
}

async fn endless_file() -> Response {
    (
        [(header::CONTENT_DISPOSITION, "attachment; filename=all.bin")],
        endless(),
    )
        .into_response()
}
