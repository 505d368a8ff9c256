//! `Deliveries::record`: how an attempt went, and what follows.

use sqlx::sqlite::SqliteConnection;
use tracing::debug;
use windlass_application::ports::StoreError;
use windlass_domain::delivery::{Attempt, Delivery, DeliveryState, DeliverySummary, Failing, Next};
use windlass_domain::destination::DestinationStatus;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{DeliveryId, DestinationId, OrganizationId};
use windlass_records::columns::{At, Id, millis};
use windlass_records::rows::{DeliveryMoments, DeliveryRow, FailingColumns};
use windlass_records::{NewEvent, select_deliveries};

use crate::destinations;
use crate::error::{read, store_error};
use crate::store::SqliteStore;
use crate::transaction::Transaction;

pub(super) async fn record(
    store: &SqliteStore,
    id: DeliveryId,
    attempt: Attempt,
    next: Next,
) -> Result<(), StoreError> {
    let mut transaction = store.begin(None).await?;
    let Some((organization_id, delivery)) = load(transaction.connection().await?, id).await? else {
        // Its destination was deleted while it was under way.
        return Ok(());
    };
    let DeliveryState::Pending { .. } = delivery.state else {
        // Its lease ran out, and whoever had it next was heard first.
        debug!(delivery.id = %id, "an attempt came after the delivery was over");
        return Ok(());
    };
    let delivery = delivery.attempted(&attempt, next);
    insert_attempt(transaction.connection().await?, &delivery, &attempt).await?;
    update(transaction.connection().await?, &delivery).await?;
    let destination_id = delivery.destination_id;
    let failing = count_failures(transaction.connection().await?, destination_id, &attempt).await?;
    if let Next::Park { .. } = next {
        emit_parked(&mut transaction, organization_id, &delivery);
    }
    let at = transaction.at();
    let is_given_up = failing.is_some_and(|failing| failing.is_given_up(at));
    if is_given_up || next == (Next::Park { deactivate: true }) {
        deactivate_destination(&mut transaction, organization_id, destination_id).await?;
    }
    transaction.commit().await?;
    // Whoever waits for the next delivery must know of this one.
    store.deliveries_written().notify_one();
    Ok(())
}

/// Whose it is, its row says: a dispatcher sends everybody's. None where its destination is
/// deleted, whether or not it was dropped since.
async fn load(
    connection: &mut SqliteConnection,
    id: DeliveryId,
) -> Result<Option<(OrganizationId, Delivery)>, StoreError> {
    let row: Option<DeliveryRow> = sqlx::query_as(select_deliveries!(
        "WHERE id = ?
           AND EXISTS (SELECT 1 FROM destination WHERE destination.id = delivery.destination_id)"
    ))
    .bind(Id(id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

async fn insert_attempt(
    connection: &mut SqliteConnection,
    delivery: &Delivery,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO delivery_attempt
             (delivery_id, number, at, status_code, duration_ms, error, retry_after_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(Id(delivery.id.uuid()))
    .bind(delivery.attempts)
    .bind(At(attempt.at))
    .bind(attempt.status_code)
    .bind(millis(attempt.duration))
    .bind(&attempt.error)
    .bind(attempt.retry_after.map(millis))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn update(connection: &mut SqliteConnection, delivery: &Delivery) -> Result<(), StoreError> {
    let moments = DeliveryMoments::from(delivery.state);
    sqlx::query(
        "UPDATE delivery
         SET attempts = ?, next_attempt_at = ?, delivered_at = ?, parked_until = ?
         WHERE id = ?",
    )
    .bind(delivery.attempts)
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
    connection: &mut SqliteConnection,
    id: DestinationId,
    attempt: &Attempt,
) -> Result<Option<Failing>, StoreError> {
    let columns: Option<FailingColumns> =
        sqlx::query_as("SELECT failing_since, failed_attempts FROM destination WHERE id = ?")
            .bind(Id(id.uuid()))
            .fetch_optional(&mut *connection)
            .await
            .map_err(store_error)?;
    let before = columns.and_then(Option::<Failing>::from);
    let after = Failing::after(before, attempt);
    // Most attempts succeed after one that did.
    if after != before {
        let columns = FailingColumns::from(after);
        sqlx::query("UPDATE destination SET failing_since = ?, failed_attempts = ? WHERE id = ?")
            .bind(columns.failing_since)
            .bind(columns.failed_attempts)
            .bind(Id(id.uuid()))
            .execute(connection)
            .await
            .map_err(store_error)?;
    }
    Ok(after)
}

fn emit_parked(
    transaction: &mut Transaction,
    organization_id: OrganizationId,
    delivery: &Delivery,
) {
    let at = transaction.at();
    transaction.emit(NewEvent {
        organization_id,
        event_type: EventType::DeliveryParked,
        at,
        data: EventData::Delivery(DeliverySummary::from(delivery)),
    });
}

/// Ends a destination's deliveries until its caller mends it; nothing where that was done already.
async fn deactivate_destination(
    transaction: &mut Transaction,
    organization_id: OrganizationId,
    destination_id: DestinationId,
) -> Result<(), StoreError> {
    let connection = transaction.connection().await?;
    let destination = destinations::load(connection, organization_id, destination_id).await?;
    let destination = destination.filter(|it| it.status == DestinationStatus::Active);
    let Some(mut destination) = destination else {
        return Ok(());
    };
    destination.status = DestinationStatus::Inactive;
    destination.updated_at = transaction.at().following(destination.updated_at);
    sqlx::query(
        "UPDATE destination SET status = ?, updated_at = ? WHERE id = ? AND organization_id = ?",
    )
    .bind(destination.status.as_str())
    .bind(At(destination.updated_at))
    .bind(Id(destination_id.uuid()))
    .bind(Id(organization_id.uuid()))
    .execute(transaction.connection().await?)
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
