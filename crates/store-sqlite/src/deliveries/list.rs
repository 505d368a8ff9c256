//! `Deliveries::list`: deliveries of a destination with their attempts, newest first.

use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};
use windlass_application::ports::StoreError;
use windlass_application::ports::deliveries::{DeliveryFilter, DeliveryStatus, DeliveryView};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::delivery::Delivery;
use windlass_domain::id::{DeliveryId, DestinationId};
use windlass_records::columns::Id;
use windlass_records::page::{self, First};
use windlass_records::rows::{AttemptRow, DeliveryRow, with_attempts};
use windlass_records::select_deliveries;

use crate::error::{read, store_error};
use crate::store::SqliteStore;

pub(super) async fn list(
    store: &SqliteStore,
    organization: OrganizationContext,
    destination_id: DestinationId,
    filter: DeliveryFilter,
    page: PageRequest,
) -> Result<Page<DeliveryView>, StoreError> {
    let mut query = QueryBuilder::new(select_deliveries!("WHERE delivery.organization_id = "));
    query.push_bind(Id(organization.organization_id().uuid()));
    query.push(" AND delivery.destination_id = ");
    query.push_bind(Id(destination_id.uuid()));
    push_statuses(&mut query, &filter.statuses);
    let types = filter.types.iter().map(ToString::to_string);
    page::push_one_of(&mut query, "delivery.event_type", types);
    let parse = |text: &str| DeliveryId::parse(text).map(DeliveryId::uuid);
    page::push_page_by_id(
        &mut query,
        "delivery",
        filter.created,
        &page,
        First::Newest,
        parse,
    )?;
    // One snapshot for the deliveries and their attempts.
    let mut reader = store.reader().await?;
    let mut snapshot = reader.snapshot().await?;
    let rows: Vec<DeliveryRow> = query
        .build_query_as()
        .fetch_all(&mut *snapshot)
        .await
        .map_err(store_error)?;
    let page = page::cut(rows, &page).read(|row| read(row).map(|(_, it)| it))?;
    Ok(Page {
        items: load_attempts(&mut snapshot, page.items).await?,
        has_more: page.has_more,
    })
}

/// One delivery with its attempts, in one snapshot.
pub(super) async fn get(
    store: &SqliteStore,
    organization: OrganizationContext,
    id: DeliveryId,
) -> Result<Option<DeliveryView>, StoreError> {
    let mut reader = store.reader().await?;
    let mut open = reader.snapshot().await?;
    let row: Option<DeliveryRow> = sqlx::query_as(select_deliveries!(
        "WHERE delivery.organization_id = ? AND delivery.id = ?"
    ))
    .bind(Id(organization.organization_id().uuid()))
    .bind(Id(id.uuid()))
    .fetch_optional(&mut *open)
    .await
    .map_err(store_error)?;
    let delivery = row.map(|row| read(row).map(|(_, it)| it)).transpose()?;
    let deliveries = delivery.into_iter().collect();
    Ok(load_attempts(&mut open, deliveries).await?.pop())
}

fn push_statuses(query: &mut QueryBuilder<Sqlite>, statuses: &[DeliveryStatus]) {
    if statuses.is_empty() {
        return;
    }
    query.push(" AND (");
    let mut ways = query.separated(" OR ");
    for status in statuses {
        ways.push(match status {
            DeliveryStatus::Pending => "delivery.next_attempt_at IS NOT NULL",
            DeliveryStatus::Success => "delivery.delivered_at IS NOT NULL",
            DeliveryStatus::Failure => "delivery.parked_until IS NOT NULL",
        });
    }
    query.push(")");
}

/// These deliveries with their attempts, by one statement for all.
pub(super) async fn load_attempts(
    connection: &mut SqliteConnection,
    deliveries: Vec<Delivery>,
) -> Result<Vec<DeliveryView>, StoreError> {
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::new(
        "SELECT delivery_id, at, status_code, duration_ms, error, retry_after_ms
         FROM delivery_attempt
         WHERE delivery_id IN (",
    );
    let mut ids = query.separated(", ");
    for delivery in &deliveries {
        ids.push_bind(Id(delivery.id.uuid()));
    }
    query.push(") ORDER BY delivery_id, number");
    let rows: Vec<AttemptRow> = query
        .build_query_as()
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    let attempts = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(with_attempts(deliveries, attempts))
}
