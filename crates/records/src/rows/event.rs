//! An event in its row, joined with what it is about.

use windlass_application::ports::events::EventPlace;
use windlass_domain::event::{Event, EventData, EventType};
use windlass_domain::file::FileSummary;
use windlass_domain::id::{
    AgentId, CredentialId, EventId, RunId, SessionId, SourceId, StorageId, TaskId,
};

use super::file::file_size;
use super::{Row, known, length};
use crate::columns::{At, Count, Id};
use crate::{EventDetail, Impossible, RunFacts, SessionFacts};

/// Selects events as [`EventRow`] has them. A macro, since a query's text is a constant.
#[macro_export]
macro_rules! select_events {
    ($rest:literal) => {
        concat!(
            "SELECT event.id AS id, event.type AS event_type, event.sequence AS sequence,
                    event.created_at AS created_at, event.detail AS detail,
                    event.version AS version, event.runtime_ms AS runtime_ms,
                    event.run_id AS run_id, event.session_id AS session_id,
                    event.file_id AS file_id,
                    run.task_id AS run_task_id, run.agent_id AS run_agent_id,
                    run.source_id AS run_source_id, run.credential_id AS run_credential_id,
                    run.session_id AS run_session_id, run.metadata AS run_metadata,
                    run.created_at AS run_created_at,
                    session.source_id AS session_source_id,
                    session.credential_id AS session_credential_id,
                    session.created_at AS session_created_at,
                    file.file_name AS file_name, file.file_type AS file_type,
                    file.file_size AS file_size, file.created_at AS file_created_at
             FROM event
             LEFT JOIN run ON run.id = event.run_id
             LEFT JOIN session ON session.id = event.session_id
             LEFT JOIN file ON file.id = event.file_id ",
            $rest
        )
    };
}

row! {
    /// What [`select_events!`](crate::select_events) brings: a row of `event`, joined with what its run,
    /// session or file has of it.
    #[derive(Debug)]
    pub struct EventRow {
        id: Id,
        event_type: String,
        sequence: i64,
        created_at: At,
        detail: Option<String>,
        version: Option<Count>,
        runtime_ms: Option<i64>,
        run_id: Option<Id>,
        session_id: Option<Id>,
        file_id: Option<Id>,
        run_task_id: Option<String>,
        run_agent_id: Option<String>,
        run_source_id: Option<String>,
        run_credential_id: Option<Id>,
        run_session_id: Option<Id>,
        run_metadata: Option<String>,
        run_created_at: Option<At>,
        session_source_id: Option<String>,
        session_credential_id: Option<Id>,
        session_created_at: Option<At>,
        file_name: Option<String>,
        file_type: Option<String>,
        file_size: Option<i64>,
        file_created_at: Option<At>,
    }
}

row! {
    /// A place in the order of events: the event before it.
    #[derive(Debug)]
    pub struct EventPlaceRow {
        id: Id,
        sequence: i64,
    }
}

impl Row for EventPlaceRow {
    type Kept = EventPlace;
    const TABLE: &'static str = "event";

    fn name(&self) -> String {
        EventId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<EventPlace, Impossible> {
        Ok(EventPlace {
            sequence: number(self.sequence)?,
            id: Some(EventId::from_uuid(self.id.0)),
        })
    }
}

impl EventRow {
    /// Which event it is.
    pub fn id(&self) -> EventId {
        EventId::from_uuid(self.id.0)
    }
}

impl Row for EventRow {
    type Kept = Event;
    const TABLE: &'static str = "event";

    fn name(&self) -> String {
        EventId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<Event, Impossible> {
        let event_type = known("type", &self.event_type, EventType::parse)?;
        let sequence = number(self.sequence)?;
        Ok(Event {
            id: EventId::from_uuid(self.id.0),
            event_type,
            sequence,
            created_at: self.created_at.0,
            data: self.data(event_type)?,
        })
    }
}

fn number(sequence: i64) -> Result<u64, Impossible> {
    u64::try_from(sequence).map_err(|_| Impossible::new("a sequence counts up from 1"))
}

impl EventRow {
    /// The data of the event as it was then.
    fn data(self, event_type: EventType) -> Result<EventData, Impossible> {
        if let Some(detail) = &self.detail {
            return crate::read::<EventDetail>(detail)?.into_data();
        }
        if let Some(id) = self.file_id {
            return Ok(EventData::File(self.file(StorageId::from_uuid(id.0))?));
        }
        let Count(version) = present("version", self.version)?;
        let runtime = length(present("runtime_ms", self.runtime_ms)?)?;
        let at = self.created_at.0;
        if let Some(id) = self.run_id {
            let facts = self.run_facts(RunId::from_uuid(id.0))?;
            let summary = facts.summary(event_type, at, version, runtime)?;
            return Ok(EventData::Run(summary));
        }
        let id = present("session_id", self.session_id)?;
        let facts = self.session_facts(SessionId::from_uuid(id.0))?;
        let summary = facts.summary(event_type, at, version, runtime)?;
        Ok(EventData::Session(summary))
    }

    fn run_facts(self, id: RunId) -> Result<RunFacts, Impossible> {
        let session_id = present("run.session_id", self.run_session_id)?;
        let metadata = present("run.metadata", self.run_metadata)?;
        Ok(RunFacts {
            id,
            task_id: TaskId::parse(&present("run.task_id", self.run_task_id)?)?,
            credential_id: credential_id(self.run_credential_id),
            agent_id: AgentId::parse(&present("run.agent_id", self.run_agent_id)?)?,
            source_id: source_id(self.run_source_id.as_deref())?,
            session_id: SessionId::from_uuid(session_id.0),
            metadata: crate::read(&metadata)?,
            created_at: present("run.created_at", self.run_created_at)?.0,
        })
    }

    fn session_facts(self, id: SessionId) -> Result<SessionFacts, Impossible> {
        Ok(SessionFacts {
            id,
            credential_id: credential_id(self.session_credential_id),
            source_id: source_id(self.session_source_id.as_deref())?,
            created_at: present("session.created_at", self.session_created_at)?.0,
        })
    }

    fn file(self, id: StorageId) -> Result<FileSummary, Impossible> {
        let run_id = present("run_id", self.run_id)?;
        Ok(FileSummary {
            id,
            run_id: RunId::from_uuid(run_id.0),
            file_name: present("file.file_name", self.file_name)?,
            file_type: present("file.file_type", self.file_type)?,
            file_size: file_size(present("file.file_size", self.file_size)?)?,
            created_at: present("file.created_at", self.file_created_at)?.0,
        })
    }
}

/// What an event needs: in its own row, or in the row that it is about, which outlives it.
fn present<T>(column: &str, value: Option<T>) -> Result<T, Impossible> {
    value.ok_or_else(|| Impossible::new(format!("an event has its `{column}`")))
}

fn credential_id(id: Option<Id>) -> Option<CredentialId> {
    id.map(|id| CredentialId::from_uuid(id.0))
}

fn source_id(text: Option<&str>) -> Result<Option<SourceId>, Impossible> {
    Ok(text.map(SourceId::parse).transpose()?)
}
