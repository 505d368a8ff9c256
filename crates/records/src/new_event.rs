//! An event that is to be written, with the columns of its row.

use std::collections::BTreeMap;

use windlass_application::random;
use windlass_domain::Timestamp;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{EventId, OrganizationId, Random};

use crate::EventDetail;
use crate::columns::{Count, Id, millis};

/// An event that has no id and no number yet.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Whose.
    pub organization_id: OrganizationId,
    /// What happened.
    pub event_type: EventType,
    /// When: strictly after the resource's event before it.
    pub at: Timestamp,
    /// To what.
    pub data: EventData,
}

/// What an event is about, in the columns of its row.
#[derive(Debug, Clone, Default)]
pub struct SubjectColumns {
    /// The run that it is about, by itself or by its file.
    pub run_id: Option<Id>,
    /// The session that it is about.
    pub session_id: Option<Id>,
    /// The file that it is about.
    pub file_id: Option<Id>,
    /// Of the run or session, at that moment.
    pub version: Option<Count>,
    /// Of the run or session, at that moment.
    pub runtime_ms: Option<i64>,
    /// The JSON of what can change or vanish.
    pub detail: Option<String>,
}

impl NewEvent {
    /// An id whose first random bits are the low bits of the event's number, so that events of the
    /// same millisecond stand in their order in lists, which go by id. What is left is random
    /// enough: 62 bits.
    pub fn id(&self, sequence: u64) -> EventId {
        let Random(mut random) = random::random();
        let [.., high, low] = sequence.to_be_bytes();
        random[0] = high & 0x0f;
        random[1] = low;
        EventId::new(self.at, Random(random))
    }

    /// The columns that say what it is about.
    pub fn subject(&self) -> SubjectColumns {
        let columns = match &self.data {
            EventData::Run(run) => SubjectColumns {
                run_id: Some(Id(run.id.uuid())),
                version: Some(Count(run.version)),
                runtime_ms: Some(millis(run.runtime)),
                ..SubjectColumns::default()
            },
            EventData::Session(session) => SubjectColumns {
                session_id: Some(Id(session.id.uuid())),
                version: Some(Count(session.version)),
                runtime_ms: Some(millis(session.runtime)),
                ..SubjectColumns::default()
            },
            EventData::File(file) => SubjectColumns {
                run_id: Some(Id(file.run_id.uuid())),
                file_id: Some(Id(file.id.uuid())),
                ..SubjectColumns::default()
            },
            EventData::Credential(_)
            | EventData::Agent(_)
            | EventData::Source(_)
            | EventData::Task(_)
            | EventData::Destination(_)
            | EventData::Delivery(_) => SubjectColumns::default(),
        };
        SubjectColumns {
            detail: EventDetail::of(&self.data).as_ref().map(crate::write),
            ..columns
        }
    }
}

/// Events by organization, in the order of the organizations' ids, in which their counters are
/// taken; those of one organization stay in their order.
pub fn by_organization(events: Vec<NewEvent>) -> BTreeMap<OrganizationId, Vec<NewEvent>> {
    let mut by_organization: BTreeMap<OrganizationId, Vec<NewEvent>> = BTreeMap::new();
    for event in events {
        let of_organization = by_organization.entry(event.organization_id).or_default();
        of_organization.push(event);
    }
    by_organization
}
