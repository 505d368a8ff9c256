//! What the row of an event keeps of its data, where that can change or vanish.
//!
//! Events of runs and sessions are most of all events, so theirs are narrow: a version and a
//! runtime stand in columns, and the rest is read from the row of the run or session, where it
//! never changes ([`RunFacts`], [`SessionFacts`]). Files are read from their rows, too.

mod credential;
mod destination;
mod facts;

use serde::{Deserialize, Serialize};
use windlass_domain::Timestamp;
use windlass_domain::agent::Agent;
use windlass_domain::delivery::DeliverySummary;
use windlass_domain::event::{EventData, EventType, TaskEventSummary};
use windlass_domain::id::{AgentId, DeliveryId, DestinationId, EventId, SourceId, TaskId};
use windlass_domain::source::Source;
use windlass_domain::task::TaskStatus;

use self::credential::CredentialDetail;
use self::destination::DestinationDetail;
pub use self::facts::{RunFacts, SessionFacts};
use crate::Impossible;

/// What the row of an event keeps of its data. Holds nothing that is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventDetail(Detail);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "object", rename_all = "snake_case")]
enum Detail {
    Credential(CredentialDetail),
    Agent {
        id: String,
        name: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        created_at: i64,
        updated_at: i64,
    },
    Source {
        id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        url: String,
        created_at: i64,
        updated_at: i64,
    },
    Task {
        id: String,
        name: String,
        status: String,
        agent_id: String,
        created_at: i64,
        updated_at: i64,
    },
    EventDestination(DestinationDetail),
    EventDelivery {
        id: String,
        event_id: String,
        event_type: String,
        event_destination_id: String,
        attempts: u32,
    },
}

impl EventDetail {
    /// What is kept of an event's data; None where it is read from the row that it is about.
    pub fn of(data: &EventData) -> Option<Self> {
        let detail = match data {
            EventData::Run(_) | EventData::Session(_) | EventData::File(_) => return None,
            EventData::Credential(credential) => Detail::Credential(credential.into()),
            EventData::Agent(agent) => Detail::Agent {
                id: agent.id.to_string(),
                name: agent.name.clone(),
                description: agent.description.clone(),
                created_at: agent.created_at.millis(),
                updated_at: agent.updated_at.millis(),
            },
            EventData::Source(source) => Detail::Source {
                id: source.id.to_string(),
                name: source.name.clone(),
                url: source.url.clone(),
                created_at: source.created_at.millis(),
                updated_at: source.updated_at.millis(),
            },
            EventData::Task(task) => Detail::Task {
                id: task.id.to_string(),
                name: task.name.clone(),
                status: task.status.as_str().to_owned(),
                agent_id: task.agent_id.to_string(),
                created_at: task.created_at.millis(),
                updated_at: task.updated_at.millis(),
            },
            EventData::Destination(destination) => Detail::EventDestination(destination.into()),
            EventData::Delivery(delivery) => Detail::EventDelivery {
                id: delivery.id.to_string(),
                event_id: delivery.event_id.to_string(),
                event_type: delivery.event_type.as_str().to_owned(),
                event_destination_id: delivery.destination_id.to_string(),
                attempts: delivery.attempts,
            },
        };
        Some(Self(detail))
    }

    /// The data of the event.
    ///
    /// # Errors
    /// [`Impossible`] where a text in it is none of its kind.
    pub fn into_data(self) -> Result<EventData, Impossible> {
        Ok(match self.0 {
            Detail::Credential(detail) => EventData::Credential(detail.try_into()?),
            Detail::Agent {
                id,
                name,
                description,
                created_at,
                updated_at,
            } => EventData::Agent(Agent {
                id: known("agent", &id, |id| AgentId::parse(id).ok())?,
                name,
                description,
                created_at: Timestamp::from_millis(created_at),
                updated_at: Timestamp::from_millis(updated_at),
            }),
            Detail::Source {
                id,
                name,
                url,
                created_at,
                updated_at,
            } => EventData::Source(Source {
                id: source_id(&id)?,
                name,
                url,
                created_at: Timestamp::from_millis(created_at),
                updated_at: Timestamp::from_millis(updated_at),
            }),
            Detail::Task {
                id,
                name,
                status,
                agent_id,
                created_at,
                updated_at,
            } => EventData::Task(TaskEventSummary {
                id: known("task", &id, |id| TaskId::parse(id).ok())?,
                name,
                status: known("status", &status, TaskStatus::parse)?,
                agent_id: known("agent", &agent_id, |id| AgentId::parse(id).ok())?,
                created_at: Timestamp::from_millis(created_at),
                updated_at: Timestamp::from_millis(updated_at),
            }),
            Detail::EventDestination(detail) => EventData::Destination(detail.try_into()?),
            Detail::EventDelivery {
                id,
                event_id,
                event_type,
                event_destination_id,
                attempts,
            } => EventData::Delivery(DeliverySummary {
                id: known("delivery", &id, |id| DeliveryId::parse(id).ok())?,
                event_id: known("event", &event_id, |id| EventId::parse(id).ok())?,
                event_type: known("type", &event_type, EventType::parse)?,
                destination_id: destination_id(&event_destination_id)?,
                attempts,
            }),
        })
    }
}

fn source_id(text: &str) -> Result<SourceId, Impossible> {
    known("source", text, |id| SourceId::parse(id).ok())
}

fn destination_id(text: &str) -> Result<DestinationId, Impossible> {
    known("destination", text, |id| DestinationId::parse(id).ok())
}

/// The value of a text in an event, where it has one.
fn known<T>(
    field: &str,
    text: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Impossible> {
    parse(text).ok_or_else(|| {
        Impossible::new(format!("an event's {field} is a known one; it is `{text}`"))
    })
}

#[cfg(test)]
mod tests;
