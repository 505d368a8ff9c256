//! `Deliveries::record`: how an attempt went, and what follows.

use rusqlite::params;
use tracing::debug;
use windlass_application::ports::StoreError;
use windlass_domain::delivery::{Attempt, Delivery, DeliveryState, DeliverySummary, Failing, Next};
use windlass_domain::destination::DestinationStatus;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{DeliveryId, DestinationId, OrganizationId};
use windlass_records::columns::{At, Id, millis};
use windlass_records::rows::{DeliveryMoments, DeliveryRow, FailingColumns};
use windlass_records::{NewEvent, select_deliveries};

use crate::connection::Connection;
use crate::destinations;
use crate::error::read;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

pub(super) async fn record(
    store: &SqliteStore,
    id: DeliveryId,
    attempt: Attempt,
    next: Next,
) -> Result<(), StoreError> {
    store
        .change(None, move |transaction| {
            let Some((organization_id, delivery)) = load(transaction, id)? else {
                // Its destination was deleted while it was under way.
                return Ok(());
            };
            let DeliveryState::Pending { .. } = delivery.state else {
                // Its lease ran out, and whoever had it next was heard first.
                debug!(delivery.id = %id, "an attempt came after the delivery was over");
                return Ok(());
            };
            let delivery = delivery.attempted(&attempt, next);
            insert_attempt(transaction, &delivery, &attempt)?;
            update(transaction, &delivery)?;
            let destination_id = delivery.destination_id;
            let failing = count_failures(transaction, destination_id, &attempt)?;
            if let Next::Park { .. } = next {
                emit_parked(transaction, organization_id, &delivery);
            }
            let at = transaction.at();
            let is_given_up = failing.is_some_and(|failing| failing.is_given_up(at));
            if is_given_up || next == (Next::Park { deactivate: true }) {
                deactivate_destination(transaction, organization_id, destination_id)?;
            }
            // Whoever waits for the next delivery must know of this one.
            transaction.wake_dispatchers();
            Ok(())
        })
        .await
}

/// Whose it is, its row says: a dispatcher sends everybody's. None where its destination is
/// deleted, whether or not it was dropped since.
fn load(
    connection: &Connection,
    id: DeliveryId,
) -> Result<Option<(OrganizationId, Delivery)>, StoreError> {
    let row: Option<DeliveryRow> = connection.row(
        select_deliveries!(
            "WHERE id = ?
             AND EXISTS (SELECT 1 FROM destination WHERE destination.id = delivery.destination_id)"
        ),
        params![Id(id.uuid())],
    )?;
    row.map(read).transpose()
}

fn insert_attempt(
    connection: &Connection,
    delivery: &Delivery,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    connection.change(
        "INSERT INTO delivery_attempt
             (delivery_id, number, at, status_code, duration_ms, error, retry_after_ms)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(delivery.id.uuid()),
            delivery.attempts,
            At(attempt.at),
            attempt.status_code,
            millis(attempt.duration),
            &attempt.error,
            attempt.retry_after.map(millis)
        ],
    )?;
    Ok(())
}

fn update(connection: &Connection, delivery: &Delivery) -> Result<(), StoreError> {
    let moments = DeliveryMoments::from(delivery.state);
    connection.change(
        "UPDATE delivery
         SET attempts = ?, next_attempt_at = ?, delivered_at = ?, parked_until = ?
         WHERE id = ?",
        params![
            delivery.attempts,
            moments.next_attempt_at,
            moments.delivered_at,
            moments.parked_until,
            Id(delivery.id.uuid())
        ],
    )?;
    Ok(())
}

/// What a destination's attempts have come to with this one, kept.
fn count_failures(
    connection: &Connection,
    id: DestinationId,
    attempt: &Attempt,
) -> Result<Option<Failing>, StoreError> {
    let columns: Option<FailingColumns> = connection.row(
        "SELECT failing_since, failed_attempts FROM destination WHERE id = ?",
        params![Id(id.uuid())],
    )?;
    let before = columns.and_then(Option::<Failing>::from);
    let after = Failing::after(before, attempt);
    // Most attempts succeed after one that did.
    if after != before {
        let columns = FailingColumns::from(after);
        connection.change(
            "UPDATE destination SET failing_since = ?, failed_attempts = ? WHERE id = ?",
            params![
                columns.failing_since,
                columns.failed_attempts,
                Id(id.uuid())
            ],
        )?;
    }
    Ok(after)
}

fn emit_parked(
    transaction: &mut Transaction<'_>,
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
fn deactivate_destination(
    transaction: &mut Transaction<'_>,
    organization_id: OrganizationId,
    destination_id: DestinationId,
) -> Result<(), StoreError> {
    let destination = destinations::load(transaction, organization_id, destination_id)?;
    let destination = destination.filter(|it| it.status == DestinationStatus::Active);
    let Some(mut destination) = destination else {
        return Ok(());
    };
    destination.status = DestinationStatus::Inactive;
    destination.updated_at = transaction.at().following(destination.updated_at);
    transaction.change(
        "UPDATE destination SET status = ?, updated_at = ? WHERE id = ? AND organization_id = ?",
        params![
            destination.status.as_str(),
            At(destination.updated_at),
            Id(destination_id.uuid()),
            Id(organization_id.uuid())
        ],
    )?;
    transaction.emit(NewEvent {
        organization_id,
        event_type: EventType::DestinationDeactivated,
        at: destination.updated_at,
        data: EventData::Destination(destination),
    });
    Ok(())
}
