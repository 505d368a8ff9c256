//! Changes an event destination.

use std::sync::Arc;

use windlass_domain::destination::{Destination, DestinationEdit, DestinationStatus, WebhookEdit};
use windlass_domain::edit::Edit;
use windlass_domain::id::DestinationId;

use crate::contents::{self, SigningSecret};
use crate::create_destination::{WebhookFields, event_filter};
use crate::error::CallError;
use crate::field;
use crate::ports::{Destinations, EgressPolicy, Vault};
use crate::problem::{Problem, Resource, with_form};
use crate::write::{Write, Written};

/// What a caller changes of a webhook destination, as given.
#[derive(Clone, Default)]
pub struct DestinationChange {
    /// Its name, where that changes.
    pub name: Option<String>,
    /// Whether events are sent to it, where that changes.
    pub is_active: Option<bool>,
    /// Which events are sent to it, where that changes.
    pub events: Option<Vec<String>>,
    /// How they are sent, field by field.
    pub webhook: WebhookFields,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Changes an event destination.
pub struct UpdateDestination {
    pub(crate) destinations: Arc<dyn Destinations>,
    pub(crate) egress: Arc<dyn EgressPolicy>,
    pub(crate) vault: Arc<dyn Vault>,
}

impl UpdateDestination {
    /// Checks a change, seals what is secret of it, and keeps it.
    ///
    /// # Errors
    /// All that is wrong with it; `NotFound`.
    pub async fn execute(
        &self,
        write: Write,
        id: DestinationId,
        change: DestinationChange,
    ) -> Result<Written<Destination>, CallError> {
        let mut problems = Vec::new();
        let name = change.name.as_deref();
        let name = name.map(|name| field::name("name", name, &mut problems));
        let events = change.events.as_deref();
        let events = events.and_then(|given| event_filter("events", Some(given), &mut problems));
        let retry_profile = change.webhook.check(&*self.egress, &mut problems).await;
        let problems = with_form(change.wrong, problems);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let vault = self.vault.of(write.organization.organization_id()).await?;
        let webhook = change.webhook;
        let secret = webhook.secret.map(SigningSecret::present);
        let edit = DestinationEdit {
            name,
            status: change.is_active.map(|is_active| match is_active {
                true => DestinationStatus::Active,
                false => DestinationStatus::Inactive,
            }),
            events,
            webhook: WebhookEdit {
                url: webhook.url.map(|url| url.trim().to_owned()),
                retry_profile,
                secret: secret.map(|secret| contents::seal_signing_secrets(&*vault, id, &[secret])),
                custom_headers: match webhook.custom_headers {
                    None => Edit::Keep,
                    Some(headers) if headers.is_empty() => Edit::Clear,
                    Some(headers) => Edit::Set(contents::seal_headers(&*vault, id, &headers)),
                },
            },
        };
        let written = self.destinations.update(write, id, edit).await;
        written.map_err(|error| CallError::of_write(error, Resource::EventDestination))
    }
}
