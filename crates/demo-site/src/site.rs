//! The site as its owner holds it: start, what happened on it, and stop.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use http::{HeaderValue, StatusCode};

use crate::page::problem;
use crate::phone::Phone;
use crate::server::Server;
use crate::session::Sessions;
use crate::user::{MAX_USERS, User};
use crate::visit::{Visit, Visits};
use crate::{invoice_page, login_page, phone_page};

/// What pages may load and do in a browser: their own styles and forms, and nothing else.
const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'";

/// The running site. Dropped without [`DemoSite::stop`], it ends at once.
pub struct DemoSite {
    site: Arc<Site>,
    server: Server,
}

/// How a site is to be before it starts: one user, codes sent, unless said otherwise.
#[derive(Debug, Clone)]
pub struct DemoSiteBuilder {
    user_count: usize,
    codes: Codes,
}

/// What the pages share.
pub(crate) struct Site {
    pub(crate) users: Vec<Arc<User>>,
    pub(crate) codes: Codes,
    pub(crate) sessions: Sessions,
    pub(crate) phone: Phone,
    pub(crate) visits: Visits,
    delays: Mutex<HashMap<String, Duration>>,
}

/// Whether a login needs a code from the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codes {
    Sent,
    NotNeeded,
}

impl DemoSite {
    /// Starts a site with one user on a free port of this machine.
    ///
    /// # Errors
    /// Where no socket can be bound.
    pub async fn start() -> io::Result<Self> {
        Self::builder().start().await
    }

    /// Starts from the defaults: one user, whose login needs a code.
    pub fn builder() -> DemoSiteBuilder {
        DemoSiteBuilder {
            user_count: 1,
            codes: Codes::Sent,
        }
    }

    /// The site's address without a slash at the end, as in `http://127.0.0.1:43210`.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Who can log in; the first is [`FIRST_USERNAME`](crate::FIRST_USERNAME).
    pub fn users(&self) -> Vec<User> {
        self.site
            .users
            .iter()
            .map(|user| User::clone(user))
            .collect()
    }

    /// The phones that the codes are sent to.
    pub fn phone(&self) -> Phone {
        self.site.phone.clone()
    }

    /// The last requests, oldest first.
    pub fn visits(&self) -> Vec<Visit> {
        self.site.visits.all()
    }

    /// How many requests with this method and path were made, of one user or of anybody.
    pub fn visit_count(&self, method: &str, path: &str, username: Option<&str>) -> usize {
        let visits = self.site.visits.all();
        let counted = visits.iter().filter(|visit| {
            visit.method == method
                && visit.path == path
                && (username.is_none() || visit.username.as_deref() == username)
        });
        counted.count()
    }

    /// Lets every later request for `path` wait this long before it is answered; zero ends that.
    pub fn slow(&self, path: &str, delay: Duration) {
        let mut delays = self.site.delays();
        if delay.is_zero() {
            delays.remove(path);
        } else {
            delays.insert(path.to_owned(), delay);
        }
    }

    /// Ends every login, as a site does that is restarted.
    pub fn log_everybody_out(&self) {
        self.site.sessions.clear();
    }

    /// Ends the site: requests under way are given a second, then no connection is left.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl DemoSiteBuilder {
    /// How many users there are: from 1 to [`MAX_USERS`], and what is beyond counts as the nearest.
    #[must_use]
    pub fn users(mut self, count: usize) -> Self {
        self.user_count = count.clamp(1, MAX_USERS);
        self
    }

    /// The password alone logs in.
    #[must_use]
    pub fn without_codes(mut self) -> Self {
        self.codes = Codes::NotNeeded;
        self
    }

    /// Starts the site on a free port of this machine.
    ///
    /// # Errors
    /// Where no socket can be bound.
    pub async fn start(self) -> io::Result<DemoSite> {
        self.start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .await
    }

    /// Starts the site on this address; port 0 is a free one.
    ///
    /// # Errors
    /// Where the address is taken or not this machine's.
    pub async fn start_on(self, address: SocketAddr) -> io::Result<DemoSite> {
        let site = Arc::new(Site {
            users: (0..self.user_count)
                .map(|position| Arc::new(User::at(position)))
                .collect(),
            codes: self.codes,
            sessions: Sessions::default(),
            phone: Phone::new(),
            visits: Visits::default(),
            delays: Mutex::default(),
        });
        let server = Server::start(address, router(&site)).await?;
        Ok(DemoSite { site, server })
    }
}

impl Site {
    fn delays(&self) -> MutexGuard<'_, HashMap<String, Duration>> {
        // A map that a panicking thread held is still a map.
        self.delays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delay_of(&self, path: &str) -> Option<Duration> {
        self.delays().get(path).copied()
    }
}

fn router(site: &Arc<Site>) -> Router {
    Router::new()
        .merge(login_page::router())
        .merge(invoice_page::router())
        .merge(phone_page::router())
        .route("/broken", get(broken))
        .fallback(not_found)
        .layer(from_fn_with_state(Arc::clone(site), note_visit))
        .with_state(Arc::clone(site))
}

/// Notes the visit, keeps it waiting where the page is slow, and adds what every answer carries.
async fn note_visit(State(site): State<Arc<Site>>, mut request: Request, next: Next) -> Response {
    let session = site.sessions.of(request.headers());
    let username = session.map(|session| session.user().username.clone());
    let path = request.uri().path().to_owned();
    let visit = site.visits.note(request.method().clone(), &path, username);
    request.extensions_mut().insert(visit);
    if let Some(delay) = site.delay_of(&path) {
        tokio::time::sleep(delay).await;
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_POLICY),
    );
    response
}

async fn broken() -> Response {
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        "Something went wrong",
        "This page is broken on purpose.",
    )
}

async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "Not found", "There is no such page.")
}
