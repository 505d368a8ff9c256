//! Events, read. They are written with what they tell of.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::ports::events::{EventFilter, EventPlace, News, Order};
use windlass_application::ports::{Events, StoreError};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::event::Event;
use windlass_domain::id::{EventId, OrganizationId};
use windlass_records::columns::Id;
use windlass_records::page::{self, First};
use windlass_records::rows::{EventPlaceRow, EventRow};
use windlass_records::select_events;

use crate::connection::Connection;
use crate::error::read;
use crate::query::Query;
use crate::store::SqliteStore;

#[async_trait]
impl Events for SqliteStore {
    async fn get(
        &self,
        organization: OrganizationContext,
        id: EventId,
    ) -> Result<Option<Event>, StoreError> {
        self.look(|connection| load(connection, organization.organization_id(), id))
            .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: EventFilter,
        order: Order,
        page: PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        let mut query = Query::new(select_events!("WHERE event.organization_id = "));
        query.push_bind(Id(organization.organization_id().uuid()));
        push_filter(&mut query, &filter);
        let first = match order {
            Order::NewestFirst => First::Newest,
            Order::OldestFirst => First::Oldest,
        };
        let parse = |text: &str| EventId::parse(text).map(EventId::uuid);
        page::push_page_by_id(&mut query, "event", filter.created, &page, first, parse)?;
        let rows: Vec<EventRow> = self
            .read(move |connection| connection.rows_of(query))
            .await?;
        page::cut(rows, &page).read(read)
    }

    async fn end_of_events(
        &self,
        organization: OrganizationContext,
    ) -> Result<EventPlace, StoreError> {
        let newest: Option<EventPlaceRow> = self
            .look(|connection| {
                connection.row(
                    "SELECT id, sequence
                     FROM event
                     WHERE organization_id = ?
                     ORDER BY sequence DESC
                     LIMIT 1",
                    params![Id(organization.organization_id().uuid())],
                )
            })
            .await?;
        newest.map_or_else(|| Ok(EventPlace::default()), read)
    }

    async fn after(
        &self,
        organization: OrganizationContext,
        filter: EventFilter,
        sequence: u64,
        at_most: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let mut query = Query::new(select_events!("WHERE event.organization_id = "));
        query.push_bind(Id(organization.organization_id().uuid()));
        query.push(" AND event.sequence > ");
        query.push_bind(number(sequence));
        push_filter(&mut query, &filter);
        query.push(" ORDER BY event.sequence LIMIT ");
        query.push_bind(at_most);
        let rows: Vec<EventRow> = self
            .read(move |connection| connection.rows_of(query))
            .await?;
        rows.into_iter().map(read).collect()
    }

    async fn news(
        &self,
        since: &[(OrganizationId, u64)],
        at_most: u32,
    ) -> Result<Vec<News>, StoreError> {
        let since = since.to_vec();
        self.read(move |connection| {
            let mut news = Vec::new();
            for (organization_id, sequence) in since {
                let rows: Vec<EventRow> = connection.rows(
                    NEWS,
                    params![Id(organization_id.uuid()), number(sequence), at_most],
                )?;
                if !rows.is_empty() {
                    news.push((organization_id, rows.into_iter().map(read).collect()));
                }
            }
            Ok(news)
        })
        .await
    }
}

/// What happened in one organization, in the order of commits.
pub(crate) const NEWS: &str = select_events!(
    "WHERE event.organization_id = ? AND event.sequence > ? ORDER BY event.sequence LIMIT ? + 0"
);

/// A number as a column has it. One beyond all columns is behind every event, as the largest is.
fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

fn push_filter(query: &mut Query, filter: &EventFilter) {
    let types = filter.types.iter().map(ToString::to_string);
    page::push_one_of(query, "event.type", types);
    if let Some(run_id) = filter.run_id {
        query.push(" AND event.run_id = ");
        query.push_bind(Id(run_id.uuid()));
    }
}

/// The event of this id, for its reader and for whoever sends it.
pub(crate) fn load(
    connection: &Connection,
    organization_id: OrganizationId,
    id: EventId,
) -> Result<Option<Event>, StoreError> {
    let row: Option<EventRow> = connection.row(
        select_events!("WHERE event.organization_id = ? AND event.id = ?"),
        params![Id(organization_id.uuid()), Id(id.uuid())],
    )?;
    row.map(read).transpose()
}
