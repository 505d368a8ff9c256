//! Event destinations on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use windlass_domain::delivery::Attempt;
use windlass_domain::destination::{Configuration, Destination, EventFilter, EventPattern};

use crate::run::millis;

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
    /// How they are sent; `url` is required.
    pub webhook: Option<WebhookFieldsBody>,
    /// An older name of `webhook`.
    pub config: Option<WebhookFieldsBody>,
    /// With `config`: those of its fields that are secret.
    pub credentials: Option<WebhookFieldsBody>,
    /// An older name of `webhook`.
    pub type_config: Option<WebhookFieldsBody>,
    /// Of older clients; null or empty.
    pub topics: Option<Vec<String>>,
    /// Of older clients; null or empty.
    pub resolved_events: Option<Vec<String>>,
}

/// What changes of an event destination; what is left out stays.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"status": "inactive"}))]
pub struct DestinationChangeBody {
    /// 1 to 255 characters.
    pub name: Option<String>,
    /// `active` or `inactive`. No delivery is made for events of the time when it is inactive.
    pub status: Option<ActiveName>,
    /// Which events are sent: `["*"]` for all; else types and families such as `task_run.*`.
    pub events: Option<Vec<String>>,
    /// How they are sent, field by field.
    pub webhook: Option<WebhookFieldsBody>,
    /// An older name of `webhook`.
    pub config: Option<WebhookFieldsBody>,
    /// With `config`: those of its fields that are secret.
    pub credentials: Option<WebhookFieldsBody>,
    /// An older name of `webhook`.
    pub type_config: Option<WebhookFieldsBody>,
    /// Of older clients; null or empty.
    pub topics: Option<Vec<String>>,
    /// Of older clients; null or empty.
    pub resolved_events: Option<Vec<String>>,
}

/// Whether events are sent to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActiveName {
    /// Each matching event makes a delivery.
    Active,
    /// No event makes a delivery.
    Inactive,
}

/// Events to send once more.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"created_after": "2026-01-05T10:00:00.000Z",
    "created_before": "2026-01-05T10:05:00.000Z", "types": ["task_run.failed"]}))]
pub struct ReplayBody {
    /// Events after this moment.
    #[schema(format = DateTime)]
    pub created_after: String,
    /// Events before this moment.
    #[schema(format = DateTime)]
    pub created_before: String,
    /// Of these types, as `events` of a destination names them; all that the destination wants where
    /// left out.
    pub types: Option<Vec<String>>,
}

/// What came of a replay.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"object": "replay", "deliveries": 3,
    "request_id": "req_0324yhios9tEWnqePdNVWs"}))]
pub struct ReplayedBody {
    /// `replay`.
    pub object: &'static str,
    /// How many events are sent.
    pub deliveries: u32,
    /// The request that this answers.
    pub request_id: String,
}

/// What came of a test.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"object": "event_destination_test", "success": false, "status_code": 503,
    "duration_ms": 41, "error": "The receiver answered 503.",
    "request_id": "req_0324yhffuabst3rf3cGS6H"}))]
pub struct DestinationTestBody {
    /// `event_destination_test`.
    pub object: &'static str,
    /// Whether the receiver took the ping.
    pub success: bool,
    /// The receiver's status; null where nothing answered.
    #[schema(required)]
    pub status_code: Option<u16>,
    /// How long it took.
    pub duration_ms: u64,
    /// What went wrong; null is success.
    #[schema(required)]
    pub error: Option<String>,
    /// The request that this answers.
    pub request_id: String,
}

impl DestinationTestBody {
    /// What an attempt says.
    pub fn new(attempt: &Attempt, request_id: String) -> Self {
        Self {
            object: "event_destination_test",
            success: attempt.error.is_none(),
            status_code: attempt.status_code,
            duration_ms: millis(attempt.duration),
            error: attempt.error.clone(),
            request_id,
        }
    }
}

/// How events are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DestinationTypeName {
    /// By HTTP, signed.
    Webhook,
}

/// How events are sent by webhook.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookFieldsBody {
    /// Where to: http or https, absolute.
    pub url: Option<String>,
    /// What signs: `whsec_` and base64 of 24 to 64 bytes; made where left out of a new one.
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
    /// What signs; in the answers of create and rotation alone.
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
