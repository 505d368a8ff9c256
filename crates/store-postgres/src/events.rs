//! Events, read. They are written with what they tell of.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use windlass_application::ports::events::{EventFilter, Order};
use windlass_application::ports::{Events, StoreError};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::event::Event;
use windlass_domain::id::EventId;
use windlass_records::columns::Id;
use windlass_records::page::{self, First};
use windlass_records::rows::EventRow;
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
        let mut open = self.read(organization).await?;
        let rows: Vec<EventRow> = query
            .build_query_as()
            .fetch_all(&mut *open)
            .await
            .map_err(store_error)?;
        page::cut(rows, &page).read(read)
    }
}
