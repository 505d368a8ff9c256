//! `Deliveries::list`: deliveries of a destination with their attempts, newest first.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use sqlx::{FromRow, QueryBuilder, Sqlite};
use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_application::ports::deliveries::{DeliveryFilter, DeliveryStatus, DeliveryView};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::delivery::{Attempt, Delivery};
use windlass_domain::id::{DeliveryId, DestinationId};
use windlass_records::columns::{At, Id};

use super::row::{DeliveryRow, select_deliveries};
use crate::error::{corrupt, store_error};
use crate::page::{self, First};
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
    let mut snapshot = store.readers().begin().await.map_err(store_error)?;
    let rows: Vec<DeliveryRow> = query
        .build_query_as()
        .fetch_all(&mut *snapshot)
        .await
        .map_err(store_error)?;
    let page = page::cut(rows, &page).read(|row| row.into_delivery().map(|(_, it)| it))?;
    Ok(Page {
        items: with_attempts(&mut snapshot, page.items).await?,
        has_more: page.has_more,
    })
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

#[derive(FromRow)]
struct AttemptRow {
    delivery_id: Id,
    at: At,
    status_code: Option<u16>,
    duration_ms: i64,
    error: Option<String>,
    retry_after_ms: Option<i64>,
}

/// These deliveries with their attempts, by one statement for all.
async fn with_attempts(
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
    let mut attempts: HashMap<Uuid, Vec<Attempt>> = HashMap::new();
    for row in rows {
        let of_one = attempts.entry(row.delivery_id.0).or_default();
        of_one.push(row.into_attempt()?);
    }
    let views = deliveries.into_iter().map(|delivery| DeliveryView {
        attempt_log: attempts.remove(&delivery.id.uuid()).unwrap_or_default(),
        delivery,
    });
    Ok(views.collect())
}

impl AttemptRow {
    fn into_attempt(self) -> Result<Attempt, StoreError> {
        let id = DeliveryId::from_uuid(self.delivery_id.0);
        let length = |millis: i64| {
            u64::try_from(millis)
                .map(Duration::from_millis)
                .map_err(|_| corrupt("delivery_attempt", &id, &"a length is not negative"))
        };
        Ok(Attempt {
            at: self.at.0,
            status_code: self.status_code,
            duration: length(self.duration_ms)?,
            error: self.error,
            retry_after: self.retry_after_ms.map(length).transpose()?,
        })
    }
}
