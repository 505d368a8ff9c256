//! The way out to a destination: one adapter per type.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;
use windlass_domain::delivery::Attempt;
use windlass_domain::destination::Destination;
use windlass_domain::event::Event;

/// A destination's configuration with its secrets opened, for its sender alone.
#[derive(Clone)]
pub enum OpenedConfiguration {
    /// By HTTP, signed.
    Webhook {
        /// Where to.
        url: String,
        /// `whsec_…`, newest first: each signs while a rotated one is valid.
        secrets: Vec<SecretString>,
        /// Further headers, by name.
        custom_headers: Vec<(String, SecretString)>,
    },
}

impl fmt::Debug for OpenedConfiguration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook { url, .. } => formatter
                .debug_struct("Webhook")
                .field("url", url)
                .finish_non_exhaustive(),
        }
    }
}

/// Sends one event to one destination and says how it went. Never retries by itself.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait DestinationSender: Send + Sync {
    /// One attempt.
    async fn send(&self, event: &Event, configuration: &OpenedConfiguration) -> Attempt;

    /// One attempt with a `ping`, which tells of nothing but the destination.
    async fn ping(&self, destination: &Destination, configuration: &OpenedConfiguration)
    -> Attempt;
}
