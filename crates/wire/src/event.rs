//! The event as everybody gets it: in the API's answers, and as the body of a delivery.
//! Source: docs/events.md, "An event".

mod catalog;
mod delivery;
mod execution;

use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::Timestamp;
use windlass_domain::destination::Destination;
use windlass_domain::event::{Event, EventData, EventType};
use windlass_domain::id::EventId;

pub use self::catalog::{
    AgentEventData, CredentialEventData, SourceEventData, TaskEventData, WebsiteEventData,
};
pub use self::delivery::{DeliveryEventData, DestinationEventData};
pub use self::execution::{RunEventData, SessionEventData, StorageEventData};

/// Something that happened, with the resource as it was at that moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"id": "evt_0324ygbdkStCcrXpLbuINk", "object": "event", "type": "task_run.completed",
    "data": {"id": "trun_0324ygTmLd1GBzfqb28m5Y", "object": "task_run", "status": "completed", "result": "success",
        "task_id": "task_0324ygQdO37zLKt2nQcsFk", "credential_id": "cred_0324ygP3uH5Kw9XTMUxbAS",
        "agent_id": "agt_0324ygLuwpuEqQLXlTfeFw", "source_id": "src_0324ygNUQd6U8RxXTH1COe", "runtime_ms": 18277,
        "created_at": "2026-01-05T10:01:40.000Z", "updated_at": "2026-01-05T10:02:19.967Z",
        "session_id": "sess_0324ygSCrnoc7Ek8y5PBgq", "version": 6, "metadata": {}},
    "sequence": 2048, "created_at": "2026-01-05T10:02:19.967Z"}))]
pub struct EventBody {
    /// `evt_…`; the same in every delivery.
    pub id: String,
    /// `event`.
    pub object: &'static str,
    /// What happened, such as `task_run.completed`.
    #[serde(rename = "type")]
    pub event_type: &'static str,
    /// The resource in summary.
    pub data: EventDataBody,
    /// Rises within an organization; numbers may be skipped.
    pub sequence: u64,
    /// When it happened; rises strictly from event to event of one resource.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// The request that this answers; deliveries and items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What a test sends: in form an event, of a type that nothing happens under, and without a number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PingBody {
    /// `evt_…`, of no event.
    pub id: String,
    object: &'static str,
    #[serde(rename = "type")]
    event_type: &'static str,
    data: DestinationEventData,
    created_at: String,
}

impl PingBody {
    /// A ping to this destination.
    pub fn new(id: EventId, at: Timestamp, destination: &Destination) -> Self {
        Self {
            id: id.to_string(),
            object: "event",
            event_type: "ping",
            data: destination.into(),
            created_at: at.to_string(),
        }
    }

    /// The bytes that are sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts are JSON")
    }
}

/// What can happen.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"type": "task_run.completed", "description": "A run has finished successfully."}))]
pub struct EventTypeBody {
    /// Its name.
    #[serde(rename = "type")]
    pub event_type: &'static str,
    /// What it tells.
    pub description: &'static str,
}

/// The resource that an event is about, in summary: never input, output, answers or secrets. Each
/// key is always there, null where it has no value.
// Written and never read, so `untagged` hides no error; the type of the event names the variant.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum EventDataBody {
    /// Of `task_run.*`.
    Run(RunEventData),
    /// Of `session.*`.
    Session(SessionEventData),
    /// Of `credential.*`.
    Credential(CredentialEventData),
    /// Of `agent.*`.
    Agent(AgentEventData),
    /// Of `source.*`.
    Source(SourceEventData),
    /// Of `task.*`.
    Task(TaskEventData),
    /// Of `storage.created`.
    Storage(StorageEventData),
    /// Of `event_destination.*`.
    Destination(DestinationEventData),
    /// Of `event_delivery.parked`.
    Delivery(DeliveryEventData),
}

impl EventBody {
    /// The bytes that a delivery carries: JSON without spaces between its tokens. The same event
    /// gives the same bytes each time.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers, texts and maps with text keys are JSON")
    }
}

impl From<&Event> for EventBody {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.to_string(),
            object: "event",
            event_type: event.event_type.as_str(),
            data: EventDataBody::from(&event.data),
            sequence: event.sequence,
            created_at: event.created_at.to_string(),
            request_id: None,
        }
    }
}

impl From<EventType> for EventTypeBody {
    fn from(event_type: EventType) -> Self {
        Self {
            event_type: event_type.as_str(),
            description: event_type.description(),
        }
    }
}

impl From<&EventData> for EventDataBody {
    fn from(data: &EventData) -> Self {
        match data {
            EventData::Run(run) => Self::Run(run.into()),
            EventData::Session(session) => Self::Session(session.into()),
            EventData::Credential(credential) => Self::Credential(credential.into()),
            EventData::Agent(agent) => Self::Agent(agent.into()),
            EventData::Source(source) => Self::Source(source.into()),
            EventData::Task(task) => Self::Task(task.into()),
            EventData::File(file) => Self::Storage(file.into()),
            EventData::Destination(destination) => Self::Destination(destination.into()),
            EventData::Delivery(delivery) => Self::Delivery(delivery.into()),
        }
    }
}

#[cfg(test)]
mod tests;
