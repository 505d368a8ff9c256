//! Rates of requests.

use std::time::Duration;

use async_trait::async_trait;
use windlass_domain::id::OrganizationId;

/// How an organization stands with its rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many requests a window takes.
    pub limit: u32,
    /// How many are left in this one.
    pub remaining: u32,
    /// When the next one starts.
    pub resets_in: Duration,
    /// Whether this request is one too many.
    pub exceeded: bool,
}

/// Rate counters.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Limits: Send + Sync {
    /// Counts one request of an organization in windows of `window` length.
    async fn count(&self, organization_id: OrganizationId, limit: u32, window: Duration) -> Rate;
}
