//! Which addresses the server may call.

use async_trait::async_trait;
use url::Url;

/// An address that the server must not call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the egress policy refuses {host}: {reason}")]
pub struct EgressRefusal {
    /// The host of the address.
    pub host: String,
    /// Why, such as `127.0.0.1 is a loopback address`.
    pub reason: String,
}

/// The egress policy, asked early; every connection asks it again.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait EgressPolicy: Send + Sync {
    /// Whether the server may call this address as it resolves now. A name that does not resolve
    /// is no refusal.
    async fn check(&self, url: &Url) -> Result<(), EgressRefusal>;
}
