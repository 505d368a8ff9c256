//! A delivery in its row, and its attempts in theirs.

use std::collections::HashMap;

use windlass_application::ports::deliveries::DeliveryView;
use windlass_domain::delivery::{Attempt, Delivery, DeliveryState};
use windlass_domain::event::EventType;
use windlass_domain::id::{DeliveryId, DestinationId, EventId, OrganizationId};

use super::{Row, known, length};
use crate::Impossible;
use crate::columns::{At, Count, Id};
#[cfg(feature = "sqlite")]
use crate::sqlite::{Columns, FromRow};

/// Selects deliveries as [`DeliveryRow`] has them. A macro, since a query's text is a constant.
#[macro_export]
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

/// What [`select_deliveries!`](crate::select_deliveries) brings: a row of `delivery`.
#[cfg_attr(feature = "postgres", derive(sqlx::FromRow))]
#[derive(Debug)]
pub struct DeliveryRow {
    /// Its id.
    pub id: Id,
    organization_id: Id,
    event_id: Id,
    event_type: String,
    /// Where to.
    pub destination_id: Id,
    attempts: Count,
    #[cfg_attr(feature = "postgres", sqlx(flatten))]
    moments: DeliveryMoments,
    created_at: At,
}

#[cfg(feature = "sqlite")]
impl FromRow for DeliveryRow {
    fn from_row(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: columns.get("id")?,
            organization_id: columns.get("organization_id")?,
            event_id: columns.get("event_id")?,
            event_type: columns.get("event_type")?,
            destination_id: columns.get("destination_id")?,
            attempts: columns.get("attempts")?,
            moments: DeliveryMoments::from_row(columns)?,
            created_at: columns.get("created_at")?,
        })
    }
}

row! {
    /// How a delivery stands: of these moments it has one.
    #[derive(Debug, Clone, Copy)]
    pub struct DeliveryMoments {
        /// When it will be tried.
        pub next_attempt_at: Option<At>,
        /// When it was taken.
        pub delivered_at: Option<At>,
        /// Until when it is kept, no attempt being left.
        pub parked_until: Option<At>,
    }
}

impl From<DeliveryState> for DeliveryMoments {
    fn from(state: DeliveryState) -> Self {
        let (next_attempt_at, delivered_at, parked_until) = match state {
            DeliveryState::Pending { next_attempt_at } => (Some(next_attempt_at), None, None),
            DeliveryState::Success { delivered_at } => (None, Some(delivered_at), None),
            DeliveryState::Parked { until } => (None, None, Some(until)),
        };
        Self {
            next_attempt_at: next_attempt_at.map(At),
            delivered_at: delivered_at.map(At),
            parked_until: parked_until.map(At),
        }
    }
}

impl TryFrom<DeliveryMoments> for DeliveryState {
    type Error = Impossible;

    fn try_from(moments: DeliveryMoments) -> Result<Self, Impossible> {
        let DeliveryMoments {
            next_attempt_at,
            delivered_at,
            parked_until,
        } = moments;
        match (next_attempt_at, delivered_at, parked_until) {
            (Some(At(next_attempt_at)), None, None) => Ok(Self::Pending { next_attempt_at }),
            (None, Some(At(delivered_at)), None) => Ok(Self::Success { delivered_at }),
            (None, None, Some(At(until))) => Ok(Self::Parked { until }),
            _ => Err(Impossible::new("it stands in one way")),
        }
    }
}

impl Row for DeliveryRow {
    type Kept = (OrganizationId, Delivery);
    const TABLE: &'static str = "delivery";

    fn name(&self) -> String {
        DeliveryId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<Self::Kept, Impossible> {
        let delivery = Delivery {
            id: DeliveryId::from_uuid(self.id.0),
            event_id: EventId::from_uuid(self.event_id.0),
            event_type: known("event_type", &self.event_type, EventType::parse)?,
            destination_id: DestinationId::from_uuid(self.destination_id.0),
            state: self.moments.try_into()?,
            attempts: self.attempts.0,
            created_at: self.created_at.0,
        };
        Ok((OrganizationId::from_uuid(self.organization_id.0), delivery))
    }
}

row! {
    /// A row of `delivery_attempt`.
    #[derive(Debug)]
    pub struct AttemptRow {
        delivery_id: Id,
        at: At,
        status_code: Option<Count>,
        duration_ms: i64,
        error: Option<String>,
        retry_after_ms: Option<i64>,
    }
}

impl Row for AttemptRow {
    type Kept = (DeliveryId, Attempt);
    const TABLE: &'static str = "delivery_attempt";

    fn name(&self) -> String {
        DeliveryId::from_uuid(self.delivery_id.0).to_string()
    }

    fn kept(self) -> Result<Self::Kept, Impossible> {
        let status_code = self.status_code.map(|Count(code)| u16::try_from(code));
        let attempt = Attempt {
            at: self.at.0,
            status_code: status_code
                .transpose()
                .map_err(|_| Impossible::new("a status has three digits"))?,
            duration: length(self.duration_ms)?,
            error: self.error,
            retry_after: self.retry_after_ms.map(length).transpose()?,
        };
        Ok((DeliveryId::from_uuid(self.delivery_id.0), attempt))
    }
}

/// These deliveries with their attempts, each with its own in the order of `attempts`.
pub fn with_attempts(
    deliveries: Vec<Delivery>,
    attempts: Vec<(DeliveryId, Attempt)>,
) -> Vec<DeliveryView> {
    let mut by_delivery: HashMap<DeliveryId, Vec<Attempt>> = HashMap::new();
    for (delivery_id, attempt) in attempts {
        by_delivery.entry(delivery_id).or_default().push(attempt);
    }
    let with_its_own = |delivery: Delivery| DeliveryView {
        attempt_log: by_delivery.remove(&delivery.id).unwrap_or_default(),
        delivery,
    };
    deliveries.into_iter().map(with_its_own).collect()
}
