//! The columns of a delivery.

/// Selects deliveries as [`windlass_records::rows::DeliveryRow`] has them. A macro, since a query's text is a constant.
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
