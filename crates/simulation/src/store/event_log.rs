//! Events with their deliveries, written in the transaction of what they tell of.

use windlass_application::ports::deliveries::DeliveryView;
use windlass_application::random;
use windlass_domain::Timestamp;
use windlass_domain::delivery::{Delivery, DeliveryState};
use windlass_domain::destination::DestinationStatus;
use windlass_domain::event::{Event, EventData, EventType};
use windlass_domain::id::{DeliveryId, DestinationId, EventId, OrganizationId, Random};

use super::write::Change;
use super::{KeptDelivery, State};

impl Change<'_> {
    /// Keeps an event of the organization.
    pub(super) fn emit(self, event_type: EventType, at: Timestamp, data: EventData) {
        let now = self.at;
        self.state
            .emit(self.organization_id, event_type, (at, now), data);
    }
}

impl State {
    /// Keeps an event that happened at the first of the moments, with a delivery to every active
    /// destination that wants it, due at the second.
    pub(super) fn emit(
        &mut self,
        organization_id: OrganizationId,
        event_type: EventType,
        (at, now): (Timestamp, Timestamp),
        data: EventData,
    ) {
        let own = |(owner, _): &&(OrganizationId, Event)| *owner == organization_id;
        let last = self.events.iter().rfind(own);
        let sequence = last.map_or(1, |(_, event)| event.sequence + 1);
        let event = Event {
            id: event_id(at, sequence),
            event_type,
            sequence,
            created_at: at,
            data,
        };
        let wanted_by: Vec<DestinationId> = self
            .destinations
            .values()
            .filter(|(owner, destination)| {
                *owner == organization_id
                    && destination.status == DestinationStatus::Active
                    && destination.events.matches(event_type)
                    && !is_about(&event.data, destination.id)
            })
            .map(|(_, destination)| destination.id)
            .collect();
        for destination_id in wanted_by {
            self.deliver(organization_id, &event, destination_id, now);
        }
        self.events.push((organization_id, event));
    }

    /// Makes the delivery of an event, due at this moment.
    pub(super) fn deliver(
        &mut self,
        organization_id: OrganizationId,
        event: &Event,
        destination_id: DestinationId,
        now: Timestamp,
    ) {
        let delivery = Delivery {
            id: DeliveryId::new(event.created_at, random::random()),
            event_id: event.id,
            event_type: event.event_type,
            destination_id,
            state: DeliveryState::Pending {
                next_attempt_at: now,
            },
            attempts: 0,
            created_at: event.created_at,
        };
        let kept = KeptDelivery {
            organization_id,
            view: DeliveryView {
                delivery,
                attempt_log: Vec::new(),
            },
        };
        self.due.insert((now, kept.view.delivery.id));
        self.deliveries.insert(kept.view.delivery.id, kept);
    }
}

/// The parking of a delivery is never told to the destination that did not take it.
pub(super) fn is_about(data: &EventData, destination_id: DestinationId) -> bool {
    match data {
        EventData::Delivery(delivery) => delivery.destination_id == destination_id,
        EventData::Run(_)
        | EventData::Session(_)
        | EventData::Credential(_)
        | EventData::Agent(_)
        | EventData::Source(_)
        | EventData::Task(_)
        | EventData::File(_)
        | EventData::Destination(_) => false,
    }
}

/// An id whose first random bits are the low bits of its number, so that events of the same
/// millisecond stand in their order in lists.
fn event_id(at: Timestamp, sequence: u64) -> EventId {
    let Random(mut random) = random::random();
    let [.., high, low] = sequence.to_be_bytes();
    random[0] = high & 0x0f;
    random[1] = low;
    EventId::new(at, Random(random))
}
