//! What events show of destinations and deliveries.

use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::delivery::DeliverySummary;
use windlass_domain::destination::Destination;

/// An event destination, as its events show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DestinationEventData {
    /// `evtd_…`.
    pub id: String,
    /// `event_destination`.
    pub object: &'static str,
    /// Its name.
    pub name: String,
    /// How events are sent: `webhook`.
    #[serde(rename = "type")]
    pub destination_type: &'static str,
    /// `pending_verification`, `active` or `inactive`.
    pub status: &'static str,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// A delivery that was given up, as its event shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryEventData {
    /// `edlv_…`.
    pub id: String,
    /// `event_delivery`.
    pub object: &'static str,
    /// What was to be sent.
    pub event_id: String,
    /// The type of that event.
    pub event_type: &'static str,
    /// Where to.
    pub event_destination_id: String,
    /// How many attempts were made.
    pub attempts: u32,
}

impl From<&Destination> for DestinationEventData {
    fn from(destination: &Destination) -> Self {
        Self {
            id: destination.id.to_string(),
            object: "event_destination",
            name: destination.name.clone(),
            destination_type: destination.configuration.kind(),
            status: destination.status.as_str(),
            created_at: destination.created_at.to_string(),
            updated_at: destination.updated_at.to_string(),
        }
    }
}

impl From<&DeliverySummary> for DeliveryEventData {
    fn from(delivery: &DeliverySummary) -> Self {
        Self {
            id: delivery.id.to_string(),
            object: "event_delivery",
            event_id: delivery.event_id.to_string(),
            event_type: delivery.event_type.as_str(),
            event_destination_id: delivery.destination_id.to_string(),
            attempts: delivery.attempts,
        }
    }
}
