//! How a delivery stands in its row.

use sqlx::FromRow;
use windlass_application::ports::StoreError;
use windlass_domain::delivery::{Delivery, DeliveryState};
use windlass_domain::event::EventType;
use windlass_domain::id::{DeliveryId, DestinationId, EventId, OrganizationId};
use windlass_records::columns::{At, Id};

use crate::error::corrupt;

/// Selects deliveries as [`DeliveryRow`] has them. A macro, since a query's text is a constant.
macro_rules! select_deliveries {
    ($rest:literal) => {
        concat!(
            "SELECT delivery.id AS id, delivery.organization_id AS organization_id,
                    delivery.event_id AS event_id, delivery.event_type AS event_type,
                    delivery.destination_id AS destination_id,
                    delivery.attempts AS attempts,
                    delivery.next_attempt_at AS next_attempt_at,
                    delivery.delivered_at AS delivered_at,
                    delivery.parked_until AS parked_until,
                    delivery.created_at AS created_at
             FROM delivery ",
            $rest
        )
    };
}

pub(super) use select_deliveries;

/// What `select_deliveries` brings.
#[derive(FromRow)]
pub(super) struct DeliveryRow {
    id: Id,
    organization_id: Id,
    event_id: Id,
    event_type: String,
    destination_id: Id,
    attempts: u32,
    next_attempt_at: Option<At>,
    delivered_at: Option<At>,
    parked_until: Option<At>,
    created_at: At,
}

impl DeliveryRow {
    pub(super) fn into_delivery(self) -> Result<(OrganizationId, Delivery), StoreError> {
        let id = DeliveryId::from_uuid(self.id.0);
        let event_type = EventType::parse(&self.event_type).ok_or_else(|| {
            let rule = format!("a type is a known one; it is `{}`", self.event_type);
            corrupt("delivery", &id, &rule)
        })?;
        let state = match (self.next_attempt_at, self.delivered_at, self.parked_until) {
            (Some(At(next_attempt_at)), None, None) => DeliveryState::Pending { next_attempt_at },
            (None, Some(At(delivered_at)), None) => DeliveryState::Success { delivered_at },
            (None, None, Some(At(until))) => DeliveryState::Parked { until },
            _ => return Err(corrupt("delivery", &id, &"it stands in one way")),
        };
        let delivery = Delivery {
            id,
            event_id: EventId::from_uuid(self.event_id.0),
            event_type,
            destination_id: DestinationId::from_uuid(self.destination_id.0),
            state,
            attempts: self.attempts,
            created_at: self.created_at.0,
        };
        Ok((OrganizationId::from_uuid(self.organization_id.0), delivery))
    }
}
