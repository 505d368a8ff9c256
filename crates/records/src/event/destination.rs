//! An event destination in the row of an event.

use serde::{Deserialize, Serialize};
use windlass_domain::Timestamp;
use windlass_domain::destination::{
    Configuration, Destination, DestinationStatus, EventFilter, RetryProfile, Webhook,
};
use windlass_domain::sealed::Sealed;

use super::{destination_id, known};
use crate::Impossible;
use crate::event_filter::EventFilterRecord;

/// A destination without its sealed parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DestinationDetail {
    id: String,
    name: String,
    r#type: String,
    status: String,
    events: EventFilterRecord,
    url: String,
    retry_profile: String,
    created_at: i64,
    updated_at: i64,
}

impl From<&Destination> for DestinationDetail {
    fn from(destination: &Destination) -> Self {
        let Configuration::Webhook(webhook) = &destination.configuration;
        Self {
            id: destination.id.to_string(),
            name: destination.name.clone(),
            r#type: destination.configuration.kind().to_owned(),
            status: destination.status.as_str().to_owned(),
            events: (&destination.events).into(),
            url: webhook.url.clone(),
            retry_profile: webhook.retry_profile.as_str().to_owned(),
            created_at: destination.created_at.millis(),
            updated_at: destination.updated_at.millis(),
        }
    }
}

impl TryFrom<DestinationDetail> for Destination {
    type Error = Impossible;

    fn try_from(detail: DestinationDetail) -> Result<Self, Impossible> {
        let profile = known("retry_profile", &detail.retry_profile, RetryProfile::parse)?;
        let configuration = Configuration::Webhook(Webhook {
            url: detail.url,
            retry_profile: profile,
            secret: Sealed::from_bytes(Vec::new()),
            custom_headers: None,
        });
        if configuration.kind() != detail.r#type {
            let found = detail.r#type;
            return Err(Impossible::new(format!(
                "a destination has a known type; it has `{found}`"
            )));
        }
        Ok(Self {
            id: destination_id(&detail.id)?,
            name: detail.name,
            status: known("status", &detail.status, DestinationStatus::parse)?,
            events: EventFilter::try_from(detail.events)?,
            configuration,
            created_at: Timestamp::from_millis(detail.created_at),
            updated_at: Timestamp::from_millis(detail.updated_at),
        })
    }
}
