//! `Deliveries::record`: how an attempt went, and what follows.

use sqlx::postgres::PgConnection;
use tracing::debug;
use windlass_application::ports::StoreError;
use windlass_domain::delivery::{Attempt, Delivery, DeliveryState, DeliverySummary, Failing, Next};
use windlass_domain::destination::{Destination, DestinationStatus};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{DeliveryId, DestinationId, OrganizationId};
use windlass_records::columns::{At, Count, Id, millis};
use windlass_records::rows::{DeliveryMoments, DeliveryRow, DestinationRow, FailingColumns};
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
    let destination = if attempt.error.is_some() {
        lock_destination(transaction.connection(), id).await?
    } else {
        forgive(transaction.connection(), id).await?;
        None
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
    let failing = match &destination {
        Some(failed) => count_failures(transaction.connection(), failed.id, attempt).await?,
        None => None,
    };
    let at = transaction.at();
    let is_given_up = failing.is_some_and(|failing| failing.is_given_up(at))
        || next == (Next::Park { deactivate: true });
    let active = destination.filter(|it| it.status == DestinationStatus::Active);
    if let Some(destination) = active.filter(|_| is_given_up) {
        deactivate(&mut transaction, organization_id, destination).await?;
    }
    transaction.commit().await?;
    // Whoever waits for the next delivery must know of this one.
    store.deliveries_written().notify_one();
    Ok(())
}

/// Ends what the failures of a delivery's destination have come to: an attempt has succeeded. Mostly
/// there are none, and nothing is locked: those that keep up are kept side by side.
async fn forgive(connection: &mut PgConnection, id: DeliveryId) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE destination
         SET failing_since = NULL, failed_attempts = 0
         WHERE id = (SELECT destination_id FROM delivery WHERE id = $1)
           AND failing_since IS NOT NULL",
    )
    .bind(Id(id.uuid()))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// The destination of a delivery, as nobody else changes it until the end of the transaction. Failures
/// of one destination are kept one after the other: each counts in what they come to.
async fn lock_destination(
    connection: &mut PgConnection,
    id: DeliveryId,
) -> Result<Option<Destination>, StoreError> {
    let row: Option<DestinationRow> = sqlx::query_as(
        "SELECT id, name, status, events, type, configuration, secret, headers, created_at,
                updated_at
         FROM destination
         WHERE id = (SELECT destination_id FROM delivery WHERE id = $1)
         FOR NO KEY UPDATE",
    )
    .bind(Id(id.uuid()))
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

/// What a destination's attempts have come to with this one, kept.
async fn count_failures(
    connection: &mut PgConnection,
    id: DestinationId,
    attempt: &Attempt,
) -> Result<Option<Failing>, StoreError> {
    let columns: Option<FailingColumns> =
        sqlx::query_as("SELECT failing_since, failed_attempts FROM destination WHERE id = $1")
            .bind(Id(id.uuid()))
            .fetch_optional(&mut *connection)
            .await
            .map_err(store_error)?;
    let before = columns.and_then(Option::<Failing>::from);
    let after = Failing::after(before, attempt);
    let columns = FailingColumns::from(after);
    sqlx::query("UPDATE destination SET failing_since = $1, failed_attempts = $2 WHERE id = $3")
        .bind(columns.failing_since)
        .bind(columns.failed_attempts)
        .bind(Id(id.uuid()))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(after)
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
