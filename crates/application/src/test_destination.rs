//! Sends an event destination a `ping`, and says what came of it.

use std::sync::Arc;

use windlass_domain::delivery::Attempt;
use windlass_domain::destination::Configuration;
use windlass_domain::id::DestinationId;

use crate::contents;
use crate::error::CallError;
use crate::ports::{Clock, DestinationSender, Destinations, Vault};
use crate::problem::{Problem, ProblemKind, Resource};
use crate::write::OrganizationContext;

/// Tests an event destination.
pub struct TestDestination {
    pub(crate) destinations: Arc<dyn Destinations>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    /// None where the build has no adapter for them.
    pub(crate) webhooks: Option<Arc<dyn DestinationSender>>,
}

impl TestDestination {
    /// One attempt, signed like a delivery, whatever the destination's status. It is no delivery and
    /// leaves nothing behind.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` where this server sends no webhooks.
    pub async fn execute(
        &self,
        organization: OrganizationContext,
        id: DestinationId,
    ) -> Result<Attempt, CallError> {
        let destination = self.destinations.get(organization, id).await?;
        let destination = destination.ok_or(CallError::NotFound(Resource::EventDestination))?;
        let Some(webhooks) = &self.webhooks else {
            return Err(CallError::of(Problem::of(
                ProblemKind::Invalid,
                "type",
                "`type`: this server is built without webhooks (the feature `webhook`).",
            )));
        };
        let Configuration::Webhook(webhook) = &destination.configuration;
        let vault = self.vault.of(organization.organization_id()).await?;
        let opened = contents::open_webhook(&*vault, id, webhook, self.clock.now())?;
        Ok(webhooks.ping(&destination, &opened).await)
    }
}
