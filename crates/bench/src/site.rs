//! A website that costs next to nothing, so that the visitor is measured: a login form, and a list of
//! invoices over three pages of some nine kilobytes, as they come from a server that renders them.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

pub(crate) const USERNAME: &str = "kari";
pub(crate) const PASSWORD: &str = "vinter-2026";

/// How many pages the list has, and how many invoices each.
pub(crate) const PAGES: usize = 3;
pub(crate) const ROWS_OF_PAGE: usize = 20;

const TOKEN: &str = "b7f2c1d09e";

/// The cookie of somebody who is logged in. Whose it is nobody asks.
const SESSION: &str = "session=5d41402abc4b2a76b9719d911017c592";

/// A running site. It ends when it is dropped.
pub(crate) struct Site {
    address: SocketAddr,
    shut: watch::Sender<Option<&'static str>>,
    _accepting: AbortOnDropHandle<()>,
}

struct Pages {
    login: Bytes,
    lists: Vec<Bytes>,
    shut: watch::Receiver<Option<&'static str>>,
}

impl Site {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// No socket can be bound.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (shut, receiver) = watch::channel(None);
        let pages = Arc::new(Pages {
            login: login_page(),
            lists: (1..=PAGES).map(list_page).collect(),
            shut: receiver,
        });
        let accepting = AbortOnDropHandle::new(tokio::spawn(accept(listener, pages)));
        Ok(Self {
            address,
            shut,
            _accepting: accepting,
        })
    }

    /// Where a visit starts.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/login", self.address)
    }

    /// Who asks for this path waits until it is opened.
    pub(crate) fn shut(&self, path: &'static str) {
        self.shut.send_replace(Some(path));
    }

    /// Nobody waits any more.
    pub(crate) fn open(&self) {
        self.shut.send_replace(None);
    }
}

async fn accept(listener: TcpListener, pages: Arc<Pages>) {
    // Dropped with this task, they end with the site.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                drop(stream.set_nodelay(true));
                connections.spawn(serve(stream, Arc::clone(&pages)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, pages: Arc<Pages>) {
    let service = service_fn(|request| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(answer(&pages, request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A visitor who hangs up in the middle is none of the site's business.
    drop(connection.await);
}

async fn answer(pages: &Pages, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let mut shut = pages.shut.clone();
    // The sender lives as long as the site.
    drop(shut.wait_for(|shut| *shut != Some(path)).await);
    let is_known = request
        .headers()
        .get(COOKIE)
        .is_some_and(|cookie| cookie.as_bytes() == SESSION.as_bytes());
    let list = |number: usize| match is_known {
        true => page(pages.lists.get(number).cloned().unwrap_or_default()),
        false => redirect("/login"),
    };
    match (request.method(), path) {
        (&Method::GET, "/login") => page(pages.login.clone()),
        (&Method::POST, "/login") => {
            let body = request.into_body().collect().await;
            let body = body.map(http_body_util::Collected::to_bytes);
            let expected = format!("token={TOKEN}&username={USERNAME}&password={PASSWORD}");
            match body.is_ok_and(|body| body == expected.as_bytes()) {
                true => {
                    let mut answer = redirect("/invoices");
                    let cookie = HeaderValue::from_static(
                        "session=5d41402abc4b2a76b9719d911017c592; Path=/; HttpOnly; SameSite=Lax",
                    );
                    answer.headers_mut().insert(SET_COOKIE, cookie);
                    answer
                }
                false => page(pages.login.clone()),
            }
        }
        (&Method::GET, "/invoices") => list(0),
        (&Method::GET, "/invoices?page=2") => list(1),
        (&Method::GET, "/invoices?page=3") => list(2),
        _ => {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NOT_FOUND;
            answer
        }
    }
}

fn page(html: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(html));
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, html);
    answer
}

fn redirect(to: &'static str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SEE_OTHER;
    answer
        .headers_mut()
        .insert(LOCATION, HeaderValue::from_static(to));
    answer
}

fn login_page() -> Bytes {
    framed(&format!(
        r#"<div class="card narrow"><h1>Log in</h1>
<form id="login" method="post" action="/login"><input type="hidden" name="token" value="{TOKEN}">
<label for="username">User name</label><input id="username" name="username" autocomplete="username">
<label for="password">Password</label><input id="password" name="password" type="password">
<button id="log-in" type="submit">Log in</button></form></div>"#
    ))
}

fn list_page(number: usize) -> Bytes {
    let rows: String = (0..ROWS_OF_PAGE).map(|row| list_row(number, row)).collect();
    let next = match number < PAGES {
        true => format!(
            r#"<a rel="next" href="/invoices?page={}">Older</a>"#,
            number + 1
        ),
        false => String::new(),
    };
    framed(&format!(
        r#"<h1>Invoices</h1><p>Customer <strong id="customer">Kari Nordmann</strong></p>
<div class="scroll"><table id="invoices"><caption>All invoices</caption>
<thead><tr><th scope="col">Number</th><th scope="col">Issued</th><th scope="col">Amount</th><th scope="col">Status</th><th scope="col">File</th></tr></thead>
<tbody>{rows}</tbody></table></div><nav class="pages" aria-label="Pages">{next}</nav>"#
    ))
}

fn list_row(page: usize, row: usize) -> String {
    let number = 4000 + page * ROWS_OF_PAGE + row;
    let month = 1 + row % 12;
    format!(
        r#"<tr><td class="number"><a href="/invoices/{number}">{number}</a></td><td class="issued"><time datetime="2026-{month:02}-15">2026-{month:02}-15</time></td><td class="amount">1 {row:03}.50</td><td class="status"><span class="status-paid">Paid</span></td><td><a class="pdf" href="/invoices/{number}.pdf" aria-label="PDF of invoice {number}">PDF</a></td></tr>
"#
    )
}

fn framed(content: &str) -> Bytes {
    // What real pages carry besides: styles, a menu, a footer.
    let styles: String = (0..40)
        .map(|number| {
            format!(
                ".part-{number} {{ margin: 0 auto; padding: .{number}rem 1rem; color: #14233b; }}\n"
            )
        })
        .collect();
    let menu: String = (0..12)
        .map(|number| format!(r#"<li><a href="/part/{number}">Part {number}</a></li>"#))
        .collect();
    let html = format!(
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Nordlys Kraft</title><style>{styles}</style></head>
<body><header class="top"><nav><ul>{menu}</ul></nav></header><main>{content}</main>
<footer>Nordlys Kraft is made up.</footer></body></html>
"#
    );
    Bytes::from(html)
}
