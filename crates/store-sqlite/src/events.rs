//! Events, read. They are written with what they tell of.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use sqlx::{FromRow, QueryBuilder};
use windlass_application::ports::events::{EventFilter, Order};
use windlass_application::ports::{Events, StoreError};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::event::{Event, EventData, EventType};
use windlass_domain::file::StoredFile;
use windlass_domain::id::{
    AgentId, CredentialId, EventId, MalformedId, OrganizationId, RunId, SessionId, SourceId,
    StorageId, TaskId,
};
use windlass_records::columns::{At, Id};
use windlass_records::{EventDetail, Impossible, RunFacts, SessionFacts};

use crate::error::{corrupt, store_error};
use crate::page::{self, First};
use crate::store::SqliteStore;

/// What an event's row has, with what its run or session has of it. A macro, since a query's text
/// is a constant.
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
                    file.file_size AS file_size, file.sha256 AS file_sha256,
                    file.extraction AS file_extraction,
                    file.created_at AS file_created_at, file.expired_at AS file_expired_at
             FROM event
             LEFT JOIN run ON run.id = event.run_id
             LEFT JOIN session ON session.id = event.session_id
             LEFT JOIN file ON file.id = event.file_id ",
            $rest
        )
    };
}

#[async_trait]
impl Events for SqliteStore {
    async fn get(
        &self,
        organization: OrganizationContext,
        id: EventId,
    ) -> Result<Option<Event>, StoreError> {
        let mut connection = self.readers().acquire().await.map_err(store_error)?;
        load(&mut connection, organization.organization_id(), id).await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: EventFilter,
        order: Order,
        page: PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        let mut query = QueryBuilder::new(select_events!("WHERE event.organization_id = "));
        query.push_bind(Id(organization.organization_id().uuid()));
        let types = filter.types.iter().map(ToString::to_string);
        page::push_one_of(&mut query, "event.type", types);
        if let Some(run_id) = filter.run_id {
            query.push(" AND event.run_id = ");
            query.push_bind(Id(run_id.uuid()));
        }
        let first = match order {
            Order::NewestFirst => First::Newest,
            Order::OldestFirst => First::Oldest,
        };
        let parse = |text: &str| EventId::parse(text).map(EventId::uuid);
        page::push_page_by_id(&mut query, "event", filter.created, &page, first, parse)?;
        let rows: Vec<EventRow> = query
            .build_query_as()
            .fetch_all(self.readers())
            .await
            .map_err(store_error)?;
        page::cut(rows, &page).read(EventRow::into_event)
    }
}

/// The event of this id, for its reader and for whoever sends it.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: EventId,
) -> Result<Option<Event>, StoreError> {
    let row: Option<EventRow> = sqlx::query_as(select_events!(
        "WHERE event.organization_id = ? AND event.id = ?"
    ))
    .bind(Id(organization_id.uuid()))
    .bind(Id(id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(EventRow::into_event).transpose()
}

/// What [`select_events`] brings: the event, and what its run, session or file has of it.
#[derive(FromRow)]
pub(crate) struct EventRow {
    id: Id,
    event_type: String,
    sequence: i64,
    created_at: At,
    detail: Option<String>,
    version: Option<u32>,
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
    file_sha256: Option<Vec<u8>>,
    file_extraction: Option<String>,
    file_created_at: Option<At>,
    file_expired_at: Option<At>,
}

impl EventRow {
    /// The event with its data as it was then.
    pub(crate) fn into_event(self) -> Result<Event, StoreError> {
        let id = EventId::from_uuid(self.id.0);
        let broken = |error: Impossible| corrupt("event", &id, &error);
        let event_type = EventType::parse(&self.event_type).ok_or_else(|| {
            broken(Impossible::new(format!(
                "a type is a known one; it is `{}`",
                self.event_type
            )))
        })?;
        let sequence = u64::try_from(self.sequence)
            .map_err(|_| broken(Impossible::new("a sequence counts up from 1")))?;
        Ok(Event {
            id,
            event_type,
            sequence,
            created_at: self.created_at.0,
            data: self.data(event_type).map_err(broken)?,
        })
    }

    fn data(&self, event_type: EventType) -> Result<EventData, Impossible> {
        if let Some(detail) = &self.detail {
            return windlass_records::read::<EventDetail>(detail)?.into_data();
        }
        if let Some(id) = self.file_id {
            return Ok(EventData::File(self.file(StorageId::from_uuid(id.0))?));
        }
        let version = present("version", self.version)?;
        let runtime_ms = u64::try_from(present("runtime_ms", self.runtime_ms)?)
            .map_err(|_| Impossible::new("a runtime is not negative"))?;
        let runtime = Duration::from_millis(runtime_ms);
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

    fn run_facts(&self, id: RunId) -> Result<RunFacts, Impossible> {
        let task_id = present("run.task_id", self.run_task_id.as_deref())?;
        let agent_id = present("run.agent_id", self.run_agent_id.as_deref())?;
        let session_id = present("run.session_id", self.run_session_id)?;
        let metadata = present("run.metadata", self.run_metadata.as_deref())?;
        Ok(RunFacts {
            id,
            task_id: TaskId::parse(task_id).map_err(malformed)?,
            credential_id: credential_id(self.run_credential_id),
            agent_id: AgentId::parse(agent_id).map_err(malformed)?,
            source_id: source_id(self.run_source_id.as_deref())?,
            session_id: SessionId::from_uuid(session_id.0),
            metadata: windlass_records::read(metadata)?,
            created_at: present("run.created_at", self.run_created_at)?.0,
        })
    }

    fn session_facts(&self, id: SessionId) -> Result<SessionFacts, Impossible> {
        Ok(SessionFacts {
            id,
            credential_id: credential_id(self.session_credential_id),
            source_id: source_id(self.session_source_id.as_deref())?,
            created_at: present("session.created_at", self.session_created_at)?.0,
        })
    }

    fn file(&self, id: StorageId) -> Result<StoredFile, Impossible> {
        let run_id = present("run_id", self.run_id)?;
        let file_size = u64::try_from(present("file.file_size", self.file_size)?)
            .map_err(|_| Impossible::new("a file's size is not negative"))?;
        let sha256 = present("file.sha256", self.file_sha256.as_deref())?
            .try_into()
            .map_err(|_| Impossible::new("a SHA-256 has 32 bytes"))?;
        let extraction = self.file_extraction.as_deref();
        Ok(StoredFile {
            id,
            run_id: RunId::from_uuid(run_id.0),
            file_name: present("file.file_name", self.file_name.clone())?,
            file_type: present("file.file_type", self.file_type.clone())?,
            file_size,
            sha256,
            extraction: extraction.map(windlass_records::read).transpose()?,
            created_at: present("file.created_at", self.file_created_at)?.0,
            expired_at: self.file_expired_at.map(|at| at.0),
        })
    }
}

/// What an event needs: in its own row, or in the row that it is about, which outlives it.
fn present<T>(column: &str, value: Option<T>) -> Result<T, Impossible> {
    value.ok_or_else(|| Impossible::new(format!("an event has its `{column}`")))
}

fn malformed(error: MalformedId) -> Impossible {
    Impossible::new(error.to_string())
}

fn credential_id(id: Option<Id>) -> Option<CredentialId> {
    id.map(|id| CredentialId::from_uuid(id.0))
}

fn source_id(text: Option<&str>) -> Result<Option<SourceId>, Impossible> {
    text.map(|text| SourceId::parse(text).map_err(malformed))
        .transpose()
}
