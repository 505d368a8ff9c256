//! A destination in its row, and what of it decides whether an event is delivered to it.

use windlass_domain::destination::{Configuration, Destination, DestinationStatus, EventFilter};
use windlass_domain::event::EventData;
use windlass_domain::id::DestinationId;
use windlass_domain::sealed::Sealed;

use super::{Row, known};
use crate::columns::{At, Id};
use crate::{EventFilterRecord, Impossible, NewEvent, WebhookRecord};

row! {
    /// A row of `destination`.
    #[derive(Debug)]
    pub struct DestinationRow {
        id: Id,
        name: String,
        status: String,
        events: String,
        r#type: String,
        configuration: String,
        secret: Option<Vec<u8>>,
        headers: Option<Vec<u8>>,
        created_at: At,
        updated_at: At,
    }
}

impl Row for DestinationRow {
    type Kept = Destination;
    const TABLE: &'static str = "destination";

    fn name(&self) -> String {
        DestinationId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<Destination, Impossible> {
        let record: WebhookRecord = crate::read(&self.configuration)?;
        let secret = self
            .secret
            .ok_or_else(|| Impossible::new("a webhook has a signing secret"))?;
        let webhook = record.into_webhook(
            Sealed::from_bytes(secret),
            self.headers.map(Sealed::from_bytes),
        )?;
        let configuration = Configuration::Webhook(webhook);
        Ok(Destination {
            id: DestinationId::from_uuid(self.id.0),
            name: self.name,
            status: known("status", &self.status, DestinationStatus::parse)?,
            events: event_filter(&self.events)?,
            configuration: known("type", &self.r#type, |kind| {
                (configuration.kind() == kind).then_some(configuration)
            })?,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

row! {
    /// Of a row of `destination`, which events are delivered to it while it is active.
    #[derive(Debug)]
    pub struct ActiveDestinationRow {
        id: Id,
        events: String,
    }
}

/// An active destination, as new events see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveDestination {
    /// Its id.
    pub id: DestinationId,
    events: EventFilter,
}

impl Row for ActiveDestinationRow {
    type Kept = ActiveDestination;
    const TABLE: &'static str = "destination";

    fn name(&self) -> String {
        DestinationId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<ActiveDestination, Impossible> {
        Ok(ActiveDestination {
            id: DestinationId::from_uuid(self.id.0),
            events: event_filter(&self.events)?,
        })
    }
}

impl ActiveDestination {
    /// Whether the event is delivered to it.
    pub fn wants(&self, event: &NewEvent) -> bool {
        self.events.matches(event.event_type) && !is_of_its_parking(&event.data, self.id)
    }
}

/// The parking of a delivery is never told to the destination that did not take it.
pub fn is_of_its_parking(data: &EventData, destination_id: DestinationId) -> bool {
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

fn event_filter(json: &str) -> Result<EventFilter, Impossible> {
    crate::read::<EventFilterRecord>(json)?.try_into()
}
