//! Events, read. They are written with what they tell of.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use sqlx::{FromRow, Postgres, QueryBuilder};
use windlass_application::ports::events::{EventFilter, EventPlace, News, Order};
use windlass_application::ports::{Events, StoreError};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::event::Event;
use windlass_domain::id::{EventId, OrganizationId};
use windlass_records::columns::Id;
use windlass_records::page::{self, First};
use windlass_records::rows::{EventPlaceRow, EventRow};
use windlass_records::select_events;

use crate::error::{read, store_error};
use crate::store::PostgresStore;

#[async_trait]
impl Events for PostgresStore {
    async fn get(
        &self,
        organization: OrganizationContext,
        id: EventId,
    ) -> Result<Option<Event>, StoreError> {
        let mut open = self.read(organization).await?;
        let row: Option<EventRow> = sqlx::query_as(select_events!(
            "WHERE event.organization_id = $1 AND event.id = $2"
        ))
        .bind(Id(organization.organization_id().uuid()))
        .bind(Id(id.uuid()))
        .fetch_optional(&mut *open)
        .await
        .map_err(store_error)?;
        row.map(read).transpose()
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
        push_filter(&mut query, &filter);
        let first = match order {
            Order::NewestFirst => First::Newest,
            Order::OldestFirst => First::Oldest,
        };
        let parse = |text: &str| EventId::parse(text).map(EventId::uuid);
        page::push_page_by_id(&mut query, "event", filter.created, &page, first, parse)?;
        let mut open = self.read(organization).await?;
        let rows: Vec<EventRow> = query
            .build_query_as()
            .fetch_all(&mut *open)
            .await
            .map_err(store_error)?;
        page::cut(rows, &page).read(read)
    }

    async fn end_of_events(
        &self,
        organization: OrganizationContext,
    ) -> Result<EventPlace, StoreError> {
        let mut open = self.read(organization).await?;
        let newest: Option<EventPlaceRow> = sqlx::query_as(
            "SELECT id, sequence
             FROM event
             WHERE organization_id = $1
             ORDER BY sequence DESC
             LIMIT 1",
        )
        .bind(Id(organization.organization_id().uuid()))
        .fetch_optional(&mut *open)
        .await
        .map_err(store_error)?;
        newest.map_or_else(|| Ok(EventPlace::default()), read)
    }

    async fn after(
        &self,
        organization: OrganizationContext,
        filter: EventFilter,
        sequence: u64,
        at_most: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let mut query = QueryBuilder::new(select_events!("WHERE event.organization_id = "));
        query.push_bind(Id(organization.organization_id().uuid()));
        query
            .push(" AND event.sequence > ")
            .push_bind(number(sequence));
        push_filter(&mut query, &filter);
        query
            .push(" ORDER BY event.sequence LIMIT ")
            .push_bind(i64::from(at_most));
        let mut open = self.read(organization).await?;
        let rows: Vec<EventRow> = query
            .build_query_as()
            .fetch_all(&mut *open)
            .await
            .map_err(store_error)?;
        rows.into_iter().map(read).collect()
    }

    async fn news(
        &self,
        since: &[(OrganizationId, u64)],
        at_most: u32,
    ) -> Result<Vec<News>, StoreError> {
        // Over organizations, as the owner: the caller is the server itself, and names them.
        let new: Vec<NewRow> = sqlx::query_as(NEW)
            .bind(since.iter().map(|(id, _)| id.uuid()).collect::<Vec<_>>())
            .bind(since.iter().map(|(_, it)| number(*it)).collect::<Vec<_>>())
            .bind(i64::from(at_most))
            .fetch_all(self.pool())
            .await
            .map_err(store_error)?;
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let owners: HashMap<EventId, OrganizationId> = new
            .iter()
            .map(|row| {
                let organization_id = OrganizationId::from_uuid(row.organization_id.0);
                (EventId::from_uuid(row.id.0), organization_id)
            })
            .collect();
        let rows: Vec<EventRow> = sqlx::query_as(select_events!(
            "WHERE event.id = ANY($1) ORDER BY event.sequence"
        ))
        .bind(new.iter().map(|row| row.id.0).collect::<Vec<_>>())
        .fetch_all(self.pool())
        .await
        .map_err(store_error)?;
        let mut news: BTreeMap<OrganizationId, Vec<EventRow>> = BTreeMap::new();
        for row in rows {
            // Retention may drop an event between the two statements, and adds none.
            if let Some(owner) = owners.get(&row.id()) {
                news.entry(*owner).or_default().push(row);
            }
        }
        let read_all = |rows: Vec<EventRow>| rows.into_iter().map(read).collect();
        Ok(news
            .into_iter()
            .map(|(organization_id, rows)| (organization_id, read_all(rows)))
            .collect())
    }
}

/// Which events are new in each of some organizations.
const NEW: &str = "
    SELECT known.organization_id AS organization_id, new.id AS id
    FROM unnest($1::uuid[], $2::bigint[]) AS known (organization_id, sequence)
    CROSS JOIN LATERAL (
        SELECT event.id
        FROM event
        WHERE event.organization_id = known.organization_id AND event.sequence > known.sequence
        ORDER BY event.sequence
        LIMIT $3
    ) AS new";

#[derive(FromRow)]
struct NewRow {
    organization_id: Id,
    id: Id,
}

/// A number as a column has it. One beyond all columns is behind every event, as the largest is.
fn number(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

fn push_filter(query: &mut QueryBuilder<Postgres>, filter: &EventFilter) {
    let types = filter.types.iter().map(ToString::to_string);
    page::push_one_of(query, "event.type", types);
    if let Some(run_id) = filter.run_id {
        query.push(" AND event.run_id = ");
        query.push_bind(Id(run_id.uuid()));
    }
}
