//! A receiver of webhooks: keeps every attempt, verifies its signature, fails or dawdles on demand.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use standardwebhooks::{HEADER_WEBHOOK_ID, Webhook};
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::server::Server;

/// Attempts kept; the oldest go first.
const MAX_RECEIVED: usize = 100_000;

/// Largest body taken. An event is a summary of a few hundred bytes.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// Where the receiver takes webhooks.
const PATH: &str = "/webhooks";

/// One attempt that reached the receiver, whatever it was answered.
#[derive(Debug, Clone)]
pub struct Received {
    /// The header `webhook-id`: the event's id, the same at every attempt; empty where it was missing.
    pub id: String,
    /// The body's `type`, such as `task_run.completed`; empty where it has none.
    pub event_type: String,
    /// The body; null where it was not JSON.
    pub body: Value,
    /// Whether the signature is right.
    pub verified: Result<(), Unverified>,
    /// When the attempt arrived.
    pub at: OffsetDateTime,
    /// The attempt's headers.
    pub attempt_headers: HeaderMap,
    /// What it was answered.
    pub answered: StatusCode,
}

/// Why an attempt's signature was not found to be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// The receiver was told no secret yet.
    #[error("the receiver knows no secret to verify with")]
    NoSecret,
    /// The secret is not base64.
    #[error("the receiver's secret is not base64")]
    InvalidSecret,
    /// A header is missing or malformed, the time is too far off, or the signature is another.
    #[error("{reason}")]
    Refused {
        /// In the words of the `standardwebhooks` crate.
        reason: String,
    },
}

/// Nothing that was waited for came in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no webhook that matches came within {waited:?}, of {received} attempts")]
pub struct NotReceived {
    /// How long the wait was.
    pub waited: Duration,
    /// How many attempts there have been by now.
    pub received: u64,
}

/// The running receiver. Dropped without [`WebhookReceiver::stop`], it ends at once.
pub struct WebhookReceiver {
    shared: Arc<Shared>,
    server: Server,
}

struct Shared {
    attempts: watch::Sender<Attempts>,
    manner: Mutex<Manner>,
}

/// How the receiver behaves.
#[derive(Default)]
struct Manner {
    secret: Option<String>,
    failures_left: u32,
    delay: Duration,
}

#[derive(Default)]
struct Attempts {
    dropped: u64,
    kept: VecDeque<Attempt>,
}

struct Attempt {
    received: Received,
    /// The signed bytes, kept only until there is a secret to verify them with.
    unverified_body: Option<Bytes>,
}

impl WebhookReceiver {
    /// Starts a receiver on a free port of this machine. Without a secret it verifies nothing until
    /// [`WebhookReceiver::set_secret`] gives it one.
    ///
    /// # Errors
    /// Where no socket can be bound.
    pub async fn start(secret: Option<String>) -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), secret).await
    }

    /// Starts a receiver on this address; port 0 is a free one.
    ///
    /// # Errors
    /// Where the address is taken or not this machine's.
    pub async fn start_on(address: SocketAddr, secret: Option<String>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            attempts: watch::Sender::new(Attempts::default()),
            manner: Mutex::new(Manner {
                secret,
                ..Manner::default()
            }),
        });
        let router = Router::new()
            .route(PATH, post(receive))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(Arc::clone(&shared));
        let server = Server::start(address, router).await?;
        Ok(Self { shared, server })
    }

    /// What to give as a destination's URL.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.server.address())
    }

    /// All attempts that are kept, oldest first.
    pub fn received(&self) -> Vec<Received> {
        let attempts = self.shared.attempts.borrow();
        attempts
            .kept
            .iter()
            .map(|attempt| attempt.received.clone())
            .collect()
    }

    /// Waits for the first attempt, among those that came and those to come, of which `predicate` is
    /// true. It is asked about each attempt once, in the order of arrival, so it may also count. It must not call
    /// the receiver, whose attempts are locked meanwhile.
    ///
    /// # Errors
    /// Where there was none within `timeout`.
    pub async fn wait_for(
        &self,
        mut predicate: impl FnMut(&Received) -> bool,
        timeout: Duration,
    ) -> Result<Received, NotReceived> {
        let mut asked = 0;
        let mut found = None;
        let mut attempts = self.shared.attempts.subscribe();
        let waiting = attempts.wait_for(|attempts| {
            let new = attempts.from(asked);
            asked = attempts.count();
            found = new
                .map(|attempt| &attempt.received)
                .find(|received| predicate(received))
                .cloned();
            found.is_some()
        });
        // The outcome is in `found`; the sender cannot be gone, since `self` holds it.
        drop(tokio::time::timeout(timeout, waiting).await);
        found.ok_or_else(|| NotReceived {
            waited: timeout,
            received: self.shared.attempts.borrow().count(),
        })
    }

    /// Verifies with this secret from now on, and also what came while there was none: a receiver must
    /// have an address before its destination, and with it the secret, can be made.
    pub fn set_secret(&self, secret: String) {
        self.shared.attempts.send_modify(|attempts| {
            for attempt in &mut attempts.kept {
                if let Some(body) = attempt.unverified_body.take() {
                    let headers = &attempt.received.attempt_headers;
                    attempt.received.verified = verify(Some(&secret), headers, &body);
                }
            }
            // Set while the attempts are locked: one that is being kept is verified here or there.
            self.shared.manner().secret = Some(secret);
        });
    }

    /// Answers 500 to the next `count` attempts.
    pub fn fail_next(&self, count: u32) {
        self.shared.manner().failures_left = count;
    }

    /// Lets every later attempt wait this long for its answer; zero ends that.
    pub fn slow(&self, delay: Duration) {
        self.shared.manner().delay = delay;
    }

    /// Ends the receiver: requests under way are given a second, then no connection is left.
    pub async fn stop(self) {
        self.server.stop().await;
    }
}

impl Shared {
    fn manner(&self) -> MutexGuard<'_, Manner> {
        // Its fields do not depend on each other, so what a panicking thread left can be used.
        self.manner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempts {
    fn keep(&mut self, attempt: Attempt) {
        if self.kept.len() == MAX_RECEIVED {
            self.kept.pop_front();
            self.dropped += 1;
        }
        self.kept.push_back(attempt);
    }

    /// How many there have been, dropped ones among them.
    fn count(&self) -> u64 {
        self.dropped + self.kept.len() as u64
    }

    /// Those from the given one on, counted from 0, as far as they are kept.
    fn from(&self, number: u64) -> impl Iterator<Item = &Attempt> {
        let position = number.saturating_sub(self.dropped);
        self.kept
            .iter()
            .skip(usize::try_from(position).unwrap_or(usize::MAX))
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (answer, delay) = {
        let mut manner = shared.manner();
        let answer = if manner.failures_left > 0 {
            manner.failures_left -= 1;
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::NO_CONTENT
        };
        (answer, manner.delay)
    };
    // Kept before the delay: a sender that gives up has still made this attempt.
    shared.attempts.send_modify(|attempts| {
        let secret = shared.manner().secret.clone();
        let verified = verify(secret.as_deref(), &headers, &body);
        let unverified_body = secret.is_none().then(|| body.clone());
        let received = received(headers, &body, verified, answer);
        attempts.keep(Attempt {
            received,
            unverified_body,
        });
    });
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    answer
}

fn received(
    headers: HeaderMap,
    body: &[u8],
    verified: Result<(), Unverified>,
    answered: StatusCode,
) -> Received {
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let id = headers
        .get(HEADER_WEBHOOK_ID)
        .and_then(|id| id.to_str().ok());
    Received {
        id: id.unwrap_or_default().to_owned(),
        event_type: body["type"].as_str().unwrap_or_default().to_owned(),
        body,
        verified,
        at: OffsetDateTime::now_utc(),
        attempt_headers: headers,
        answered,
    }
}

fn verify(secret: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<(), Unverified> {
    let secret = secret.ok_or(Unverified::NoSecret)?;
    let webhook = Webhook::new(secret).map_err(|_| Unverified::InvalidSecret)?;
    webhook
        .verify(body, headers)
        .map_err(|error| Unverified::Refused {
            reason: error.to_string(),
        })
}
