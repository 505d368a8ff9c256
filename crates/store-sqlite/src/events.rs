//! Events, read. They are written with what they tell of.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::events::{EventFilter, Order};
use windlass_application::ports::{Events, StoreError};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::event::Event;
use windlass_domain::id::{EventId, OrganizationId};
use windlass_records::columns::Id;
use windlass_records::page::{self, First};
use windlass_records::rows::EventRow;

use crate::error::{read, store_error};
use crate::store::SqliteStore;

/// Selects events as [`EventRow`] has them. A macro, since a query's text
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
        page::cut(rows, &page).read(read)
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
    row.map(read).transpose()
}
