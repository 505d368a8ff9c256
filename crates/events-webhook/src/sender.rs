//! One attempt: the event's bytes, signed, to the destination's address; and how it went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use reqwest::{Method, Response};
use tokio::time::timeout;
use url::Url;
use windlass_application::ports::clock::Clock;
use windlass_application::ports::destination::{DestinationSender, OpenedConfiguration};
use windlass_application::random::random;
use windlass_domain::delivery::Attempt;
use windlass_domain::destination::Destination;
use windlass_domain::event::Event;
use windlass_domain::id::EventId;
use windlass_domain::time::Timestamp;
use windlass_egress::{Dialer, DialerError, Policy, Timeouts};
use windlass_wire::event::{EventBody, PingBody};

use crate::failure;
use crate::headers::{Envelope, headers};
use crate::retry_after::retry_after;

/// How much of an answer's body is read. What is left ends the connection.
const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// What one attempt carries.
struct Sent<'a> {
    id: &'a str,
    body: Vec<u8>,
}

/// Sends events by webhook.
pub struct WebhookSender {
    dialer: Dialer,
    clock: Arc<dyn Clock>,
    patience: Patience,
}

/// How long a receiver is waited for.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// From the first try to connect to the answer's status and headers.
    status: Duration,
    /// For the rest of the answer, which changes nothing.
    rest: Duration,
}

impl Patience {
    const DEFAULT: Self = Self {
        status: Duration::from_secs(5),
        rest: Duration::from_secs(15),
    };
}

impl WebhookSender {
    /// A sender that connects to what `policy` permits. Attempts carry the time of `clock`.
    ///
    /// # Errors
    /// TLS or the HTTP client cannot be set up.
    pub fn new(policy: Policy, clock: Arc<dyn Clock>) -> Result<Self, DialerError> {
        Self::with_patience(policy, clock, Patience::DEFAULT)
    }

    fn with_patience(
        policy: Policy,
        clock: Arc<dyn Clock>,
        patience: Patience,
    ) -> Result<Self, DialerError> {
        // `send` ends each wait by itself; these are for what it does not see.
        let total = patience.status + patience.rest;
        let timeouts = Timeouts {
            connect: patience.status,
            read: total,
            total,
        };
        Ok(Self {
            dialer: Dialer::new(policy, timeouts)?,
            clock,
            patience,
        })
    }

    /// Sends, and waits for the answer's status.
    ///
    /// # Errors
    /// Why there is none, in a sentence.
    async fn post(
        &self,
        event: &Sent<'_>,
        at: Timestamp,
        configuration: &OpenedConfiguration,
    ) -> Result<Response, String> {
        let OpenedConfiguration::Webhook {
            url,
            secrets,
            custom_headers,
        } = configuration;
        let url = Url::parse(url).map_err(|error| format!("The address is no URL: {error}."))?;
        let envelope = Envelope {
            event_id: event.id,
            sent_at_seconds: at.seconds(),
            body: &event.body,
        };
        let headers = headers(&envelope, secrets, custom_headers)?;
        let request = self.dialer.request(Method::POST, url);
        let request = request.map_err(|blocked| failure::of_policy(&blocked))?;
        match timeout(
            self.patience.status,
            request.headers(headers).body(event.body.clone()).send(),
        )
        .await
        {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(failure::of_request(&error)),
            Err(_) => Err(format!(
                "The receiver did not answer within {} s.",
                self.patience.status.as_secs_f64()
            )),
        }
    }

    /// One attempt, and how it went.
    async fn attempt(&self, event: &Sent<'_>, configuration: &OpenedConfiguration) -> Attempt {
        let at = self.clock.now();
        let started = Instant::now();
        let answer = self.post(event, at, configuration).await;
        let duration = started.elapsed();
        match answer {
            Err(error) => Attempt {
                at,
                status_code: None,
                duration,
                error: Some(error),
                retry_after: None,
            },
            Ok(answer) => {
                let error = failure::of_status(answer.status());
                let asked = retry_after(answer.headers(), self.clock.now());
                let attempt = Attempt {
                    at,
                    status_code: Some(answer.status().as_u16()),
                    duration,
                    retry_after: asked.filter(|_| error.is_some()),
                    error,
                };
                self.take_rest(answer).await;
                attempt
            }
        }
    }

    /// Takes the rest of an answer, so that its connection can be used again. How that ends does not
    /// change the attempt.
    async fn take_rest(&self, mut answer: Response) {
        let reading = async {
            let mut read = 0;
            while let Ok(Some(chunk)) = answer.chunk().await {
                read += chunk.len();
                if read > MAX_ANSWER_BYTES {
                    return;
                }
            }
        };
        // In time or not: see above.
        drop(timeout(self.patience.rest, reading).await);
    }
}

#[async_trait]
impl DestinationSender for WebhookSender {
    async fn send(&self, event: &Event, configuration: &OpenedConfiguration) -> Attempt {
        let event = EventBody::from(event);
        let sent = Sent {
            id: &event.id,
            body: event.to_bytes(),
        };
        self.attempt(&sent, configuration).await
    }

    async fn ping(
        &self,
        destination: &Destination,
        configuration: &OpenedConfiguration,
    ) -> Attempt {
        let at = self.clock.now();
        let ping = PingBody::new(EventId::new(at, random()), at, destination);
        let sent = Sent {
            id: &ping.id,
            body: ping.to_bytes(),
        };
        self.attempt(&sent, configuration).await
    }
}

#[cfg(test)]
mod tests;
