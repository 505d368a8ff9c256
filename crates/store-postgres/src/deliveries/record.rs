//! `Deliveries::record`: how an attempt went, and what follows.

use sqlx::postgres::PgConnection;
use tracing::debug;
use windlass_application::ports::StoreError;
use windlass_domain::delivery::{Attempt, Delivery, DeliveryState, DeliverySummary, Next};
use windlass_domain::destination::{Destination, DestinationStatus};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{DeliveryId, OrganizationId};
use windlass_records::columns::{At, Count, Id, millis};
use windlass_records::rows::{DeliveryMoments, DeliveryRow, DestinationRow};
use windlass_records::{NewEvent, select_deliveries};

use crate::error::{read, store_error};
use crate::store::PostgresStore;
use crate::transaction::Transaction;

/// Runs as the owner of the tables: a dispatcher sends everybody's, and what is changed here is
/// found by the delivery's id alone.
pub(super) async fn record(
    store: &PostgresStore,
    id: DeliveryId,
    attempt: &Attempt,
    next: Next,
) -> Result<(), StoreError> {
    let mut transaction = store.begin(None).await?;
    // Before the delivery, as whoever deletes a destination takes them.
    let given_up = match next {
        Next::Park { deactivate: true } => lock_active(transaction.connection(), id).await?,
        Next::Park { deactivate: false } | Next::Delivered | Next::Retry { .. } => None,
    };
    let Some((organization_id, delivery)) = lock(transaction.connection(), id).await? else {
        // Its destination was deleted while it was under way.
        return Ok(());
    };
    let DeliveryState::Pending { .. } = delivery.state else {
        // Its lease ran out, and whoever had it next was heard first.
        debug!(delivery.id = %id, "an attempt came after the delivery was over");
        return Ok(());
    };
    let delivery = delivery.attempted(attempt, next);
    insert_attempt(transaction.connection(), &delivery, attempt).await?;
    update(transaction.connection(), &delivery).await?;
    if let Next::Park { .. } = next {
        let at = transaction.at();
        transaction.emit(NewEvent {
            organization_id,
            event_type: EventType::DeliveryParked,
            at,
            data: EventData::Delivery(DeliverySummary::from(&delivery)),
        });
    }
    if let Some(destination) = given_up {
        deactivate(&mut transaction, organization_id, destination).await?;
    }
    transaction.commit().await?;
    // Whoever waits for the next delivery must know of this one.
    store.deliveries_written().notify_one();
    Ok(())
}

/// The destination of a delivery, where it is active, as nobody else changes it until the end of
/// the transaction.
async fn lock_active(
    connection: &mut PgConnection,
    id: DeliveryId,
) -> Result<Option<Destination>, StoreError> {
    let row: Option<DestinationRow> = sqlx::query_as(
        "SELECT id, name, status, events, type, configuration, secret, headers, created_at,
                updated_at
         FROM destination
         WHERE id = (SELECT destination_id FROM delivery WHERE id = $1) AND status = $2
         FOR NO KEY UPDATE",
    )
    .bind(Id(id.uuid()))
    .bind(DestinationStatus::Active.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// The delivery, as nobody else changes it until the end of the transaction, and whose it is. None
/// where its destination is deleted, whether or not it was dropped since.
async fn lock(
    connection: &mut PgConnection,
    id: DeliveryId,
) -> Result<Option<(OrganizationId, Delivery)>, StoreError> {
    let row: Option<DeliveryRow> = sqlx::query_as(select_deliveries!(
        "WHERE id = $1
           AND EXISTS (SELECT 1 FROM destination WHERE destination.id = delivery.destination_id)
         FOR NO KEY UPDATE"
    ))
    .bind(Id(id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

async fn insert_attempt(
    connection: &mut PgConnection,
    delivery: &Delivery,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let status_code = attempt.status_code.map(|code| Count(u32::from(code)));
    sqlx::query(
        "INSERT INTO delivery_attempt
             (delivery_id, number, at, status_code, duration_ms, error, retry_after_ms)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Id(delivery.id.uuid()))
    .bind(Count(delivery.attempts))
    .bind(At(attempt.at))
    .bind(status_code)
    .bind(millis(attempt.duration))
    .bind(&attempt.error)
    .bind(attempt.retry_after.map(millis))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn update(connection: &mut PgConnection, delivery: &Delivery) -> Result<(), StoreError> {
    let moments = DeliveryMoments::from(delivery.state);
    sqlx::query(
        "UPDATE delivery
         SET attempts = $1, next_attempt_at = $2, delivered_at = $3, parked_until = $4
         WHERE id = $5",
    )
    .bind(Count(delivery.attempts))
    .bind(moments.next_attempt_at)
    .bind(moments.delivered_at)
    .bind(moments.parked_until)
    .bind(Id(delivery.id.uuid()))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Ends a destination's deliveries until its caller mends it.
async fn deactivate(
    transaction: &mut Transaction,
    organization_id: OrganizationId,
    mut destination: Destination,
) -> Result<(), StoreError> {
    destination.status = DestinationStatus::Inactive;
    destination.updated_at = transaction.at().following(destination.updated_at);
    sqlx::query(
        "UPDATE destination
         SET status = $1, updated_at = $2
         WHERE id = $3 AND organization_id = $4",
    )
    .bind(destination.status.as_str())
    .bind(At(destination.updated_at))
    .bind(Id(destination.id.uuid()))
    .bind(Id(organization_id.uuid()))
    .execute(transaction.connection())
    .await
    .map_err(store_error)?;
    transaction.emit(NewEvent {
        organization_id,
        event_type: EventType::DestinationDeactivated,
        at: destination.updated_at,
        data: EventData::Destination(destination),
    });
    Ok(())
}
