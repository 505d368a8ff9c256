//! `Deliveries::list`: deliveries of a destination with their attempts, newest first.

use rusqlite::params;
use windlass_application::ports::StoreError;
use windlass_application::ports::deliveries::{DeliveryFilter, DeliveryStatus, DeliveryView};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::delivery::Delivery;
use windlass_domain::id::{DeliveryId, DestinationId};
use windlass_records::columns::Id;
use windlass_records::page::{self, First};
use windlass_records::rows::{AttemptRow, DeliveryRow, with_attempts};
use windlass_records::select_deliveries;

use crate::connection::Connection;
use crate::error::read;
use crate::query::Query;
use crate::store::SqliteStore;

pub(super) async fn list(
    store: &SqliteStore,
    organization: OrganizationContext,
    destination_id: DestinationId,
    filter: DeliveryFilter,
    page: PageRequest,
) -> Result<Page<DeliveryView>, StoreError> {
    let mut query = Query::new(select_deliveries!("WHERE delivery.organization_id = "));
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
    store
        .read(move |connection| {
            let rows: Vec<DeliveryRow> = connection.rows_of(query)?;
            let page = page::cut(rows, &page).read(|row| read(row).map(|(_, it)| it))?;
            Ok(Page {
                items: load_attempts(connection, page.items)?,
                has_more: page.has_more,
            })
        })
        .await
}

/// One delivery with its attempts.
pub(super) async fn get(
    store: &SqliteStore,
    organization: OrganizationContext,
    id: DeliveryId,
) -> Result<Option<DeliveryView>, StoreError> {
    store
        .look(|connection| {
            let row: Option<DeliveryRow> = connection.row(
                select_deliveries!("WHERE delivery.organization_id = ? AND delivery.id = ?"),
                params![Id(organization.organization_id().uuid()), Id(id.uuid())],
            )?;
            let delivery = row.map(|row| read(row).map(|(_, it)| it)).transpose()?;
            let deliveries = delivery.into_iter().collect();
            Ok(load_attempts(connection, deliveries)?.pop())
        })
        .await
}

fn push_statuses(query: &mut Query, statuses: &[DeliveryStatus]) {
    if statuses.is_empty() {
        return;
    }
    query.push(" AND (");
    let mut separator = "";
    for status in statuses {
        query.push(separator);
        separator = " OR ";
        query.push(match status {
            DeliveryStatus::Pending => "delivery.next_attempt_at IS NOT NULL",
            DeliveryStatus::Success => "delivery.delivered_at IS NOT NULL",
            DeliveryStatus::Failure => "delivery.parked_until IS NOT NULL",
        });
    }
    query.push(")");
}

/// These deliveries with their attempts, by one statement for all.
pub(super) fn load_attempts(
    connection: &Connection,
    deliveries: Vec<Delivery>,
) -> Result<Vec<DeliveryView>, StoreError> {
    if deliveries.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(
        "SELECT delivery_id, at, status_code, duration_ms, error, retry_after_ms
         FROM delivery_attempt
         WHERE delivery_id IN (",
    );
    let mut separator = "";
    for delivery in &deliveries {
        query.push(separator);
        separator = ", ";
        query.push_bind(Id(delivery.id.uuid()));
    }
    query.push(") ORDER BY delivery_id, number");
    let rows: Vec<AttemptRow> = connection.rows_of(query)?;
    let attempts = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(with_attempts(deliveries, attempts))
}
