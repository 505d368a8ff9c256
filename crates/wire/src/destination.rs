//! Event destinations on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use windlass_domain::destination::{Configuration, Destination, EventFilter, EventPattern};

/// An event destination to be made.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Billing", "events": ["task_run.completed", "task_run.failed"],
    "webhook": {"url": "https://hooks.bolig.example/windlass"}}))]
pub struct NewDestinationBody {
    /// 1 to 255 characters.
    pub name: String,
    /// `webhook`, also where left out: there is no other yet.
    #[serde(rename = "type")]
    pub destination_type: Option<DestinationTypeName>,
    /// Which events are sent: `["*"]` for all, also where left out; else types such as
    /// `task_run.completed` and families such as `task_run.*`.
    pub events: Option<Vec<String>>,
    /// How they are sent.
    pub webhook: NewWebhookBody,
}

/// How events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DestinationTypeName {
    /// By HTTP, signed.
    Webhook,
}

/// How events are sent by webhook.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhookBody {
    /// Where to: http or https, absolute.
    pub url: String,
    /// What signs: `whsec_` and base64 of 24 to 64 bytes; made where left out.
    pub secret: Option<String>,
    /// Further headers: an object of texts, or such an object in a string.
    pub custom_headers: Option<Value>,
    /// How often a failed attempt is repeated; `durable` where left out.
    pub retry_profile: Option<RetryProfileName>,
}

/// How often a failed attempt is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryProfileName {
    /// Ten attempts over three days.
    Durable,
    /// Four attempts within three minutes.
    Deck,
}

impl RetryProfileName {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Durable => "durable",
            Self::Deck => "deck",
        }
    }
}

/// Where events are sent.
#[derive(Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "evtd_0324ygdDEMqQFGrdSsCLN3", "object": "event_destination",
    "name": "Billing", "status": "active", "type": "webhook", "events": ["task_run.completed", "task_run.failed"],
    "webhook": {"url": "https://hooks.bolig.example/windlass", "retry_profile": "durable"},
    "created_at": "2026-01-05T10:00:10.000Z", "updated_at": "2026-01-05T10:00:10.000Z"}))]
pub struct DestinationBody {
    /// Its id.
    pub id: String,
    /// `event_destination`.
    pub object: &'static str,
    /// 1 to 255 characters.
    pub name: String,
    /// `pending_verification`, `active` or `inactive`.
    pub status: &'static str,
    /// `webhook`.
    #[serde(rename = "type")]
    pub destination_type: DestinationTypeName,
    /// Which events are sent.
    pub events: Vec<String>,
    /// How they are sent.
    pub webhook: WebhookBody,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// The request that this answers; items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// How events are sent by webhook, without what is secret.
#[derive(Clone, Serialize, ToSchema)]
pub struct WebhookBody {
    /// Where to.
    pub url: String,
    /// `durable` or `deck`.
    pub retry_profile: &'static str,
    /// What signs; in the answer of the create alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl DestinationBody {
    /// A destination; with its secret only where the answer shows it, once.
    pub fn new(destination: &Destination, secret: Option<String>) -> Self {
        let Configuration::Webhook(webhook) = &destination.configuration;
        Self {
            id: destination.id.to_string(),
            object: "event_destination",
            name: destination.name.clone(),
            status: destination.status.as_str(),
            destination_type: DestinationTypeName::Webhook,
            events: events(&destination.events),
            webhook: WebhookBody {
                url: webhook.url.clone(),
                retry_profile: webhook.retry_profile.as_str(),
                secret,
            },
            created_at: destination.created_at.to_string(),
            updated_at: destination.updated_at.to_string(),
            request_id: None,
        }
    }
}

fn events(filter: &EventFilter) -> Vec<String> {
    match filter {
        EventFilter::All => vec!["*".to_owned()],
        EventFilter::Some(patterns) => patterns
            .iter()
            .map(|pattern| match pattern {
                EventPattern::Type(event_type) => event_type.to_string(),
                EventPattern::Family(family) => format!("{family}.*"),
            })
            .collect(),
    }
}
