//! Deliveries of events on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::delivery::{Attempt, Delivery, DeliveryState};

use crate::run::millis;

/// One event to one destination.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "edlv_0324yggMBhQPd3IXHd3Uiq", "object": "event_delivery", "status": "success",
    "event_type": "task_run.completed", "event_id": "evt_0324ygbdkStCcrXpLbuINk",
    "event_destination_id": "evtd_0324ygdDEMqQFGrdSsCLN3", "attempts": 2, "created_at": "2026-01-05T10:02:19.967Z",
    "delivered_at": "2026-01-05T10:02:25.120Z", "next_attempt_at": null, "parked_until": null,
    "attempt_log": [{"at": "2026-01-05T10:02:19.967Z", "status_code": 503, "duration_ms": 38,
            "error": "The receiver answered 503."},
        {"at": "2026-01-05T10:02:25.120Z", "status_code": 200, "duration_ms": 22, "error": null}]}))]
pub struct DeliveryBody {
    /// Its id.
    pub id: String,
    /// `event_delivery`.
    pub object: &'static str,
    /// `pending`, `success` or `failure`.
    pub status: &'static str,
    /// The type of the event.
    pub event_type: &'static str,
    /// What is sent.
    pub event_id: String,
    /// Where to.
    pub event_destination_id: String,
    /// How many attempts were made.
    pub attempts: u32,
    /// When it was made: with its event.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When the receiver took it.
    #[schema(required, format = DateTime)]
    pub delivered_at: Option<String>,
    /// When the next attempt is due.
    #[schema(required, format = DateTime)]
    pub next_attempt_at: Option<String>,
    /// Until when it is kept, once no attempt is left.
    #[schema(required, format = DateTime)]
    pub parked_until: Option<String>,
    /// The attempts that were made, oldest first.
    pub attempt_log: Vec<AttemptBody>,
    /// The request that this answers; items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// How one attempt went.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AttemptBody {
    /// When it began.
    #[schema(format = DateTime)]
    pub at: String,
    /// The receiver's status; null where nothing answered.
    #[schema(required)]
    pub status_code: Option<u16>,
    /// How long it took.
    pub duration_ms: u64,
    /// What went wrong; null is success.
    #[schema(required)]
    pub error: Option<String>,
}

impl DeliveryBody {
    /// A delivery with the attempts that were made.
    pub fn new(delivery: &Delivery, log: &[Attempt]) -> Self {
        let (status, delivered_at, next_attempt_at, parked_until) = match delivery.state {
            DeliveryState::Pending { next_attempt_at } => {
                ("pending", None, Some(next_attempt_at), None)
            }
            DeliveryState::Success { delivered_at } => ("success", Some(delivered_at), None, None),
            DeliveryState::Parked { until } => ("failure", None, None, Some(until)),
        };
        Self {
            id: delivery.id.to_string(),
            object: "event_delivery",
            status,
            event_type: delivery.event_type.as_str(),
            event_id: delivery.event_id.to_string(),
            event_destination_id: delivery.destination_id.to_string(),
            attempts: delivery.attempts,
            created_at: delivery.created_at.to_string(),
            delivered_at: delivered_at.map(|at| at.to_string()),
            next_attempt_at: next_attempt_at.map(|at| at.to_string()),
            parked_until: parked_until.map(|at| at.to_string()),
            attempt_log: log.iter().map(AttemptBody::from).collect(),
            request_id: None,
        }
    }
}

impl From<&Attempt> for AttemptBody {
    fn from(attempt: &Attempt) -> Self {
        Self {
            at: attempt.at.to_string(),
            status_code: attempt.status_code,
            duration_ms: millis(attempt.duration),
            error: attempt.error.clone(),
        }
    }
}
