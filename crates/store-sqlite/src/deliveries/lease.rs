//! `Deliveries::lease`: what is due, for one dispatcher, for a while. Destinations take turns, so
//! that one with a long backlog does not hold up the others.

use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use tracing::error;
use windlass_application::ports::StoreError;
use windlass_application::ports::deliveries::DueDelivery;
use windlass_domain::Timestamp;
use windlass_domain::destination::DestinationStatus;
use windlass_domain::id::{DestinationId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::DeliveryRow;
use windlass_records::{Look, in_turn, select_deliveries};

use crate::destinations;
use crate::error::{corrupt, read, store_error};
use crate::events;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

pub(super) async fn lease(
    store: &SqliteStore,
    limit: u32,
    per_destination: u32,
    busy: &[DestinationId],
    length: Duration,
) -> Result<Vec<DueDelivery>, StoreError> {
    let looked_at = store.now();
    let mut ended_at = store.last_look().ended_at();
    let due_at = in_turn(with_due(store, looked_at).await?, busy, ended_at);

    let mut leased = Vec::new();
    if !due_at.is_empty() {
        // Most of the time nothing is due, and looking takes no lock.
        let mut transaction = store.begin(None).await?;
        for (organization_id, destination_id) in due_at {
            let room = limit.saturating_sub(u32::try_from(leased.len()).unwrap_or(u32::MAX));
            if room == 0 {
                break;
            }
            let room = room.min(per_destination);
            let of_one = of_destination(&mut transaction, organization_id, destination_id, room);
            leased.extend(of_one.await?);
            ended_at = Some(destination_id);
            hold(&mut transaction, destination_id, room, length).await?;
        }
        transaction.commit().await?;
    }
    store.last_look().set(Look {
        at: looked_at,
        ended_at,
    });
    Ok(leased)
}

/// The active destinations that have something due, in the order of their ids.
async fn with_due(
    store: &SqliteStore,
    now: Timestamp,
) -> Result<Vec<(OrganizationId, DestinationId)>, StoreError> {
    let rows: Vec<(Id, Id)> = sqlx::query_as(
        "SELECT destination.organization_id, destination.id
         FROM destination
         WHERE destination.status = ?
           AND EXISTS (
               SELECT 1
               FROM delivery
               WHERE delivery.destination_id = destination.id AND delivery.next_attempt_at <= ?
           )
         ORDER BY destination.id",
    )
    .bind(DestinationStatus::Active.as_str())
    .bind(At(now))
    .fetch_all(&mut *store.reader().await?)
    .await
    .map_err(store_error)?;
    let ids = rows.into_iter().map(|(organization_id, id)| {
        (
            OrganizationId::from_uuid(organization_id.0),
            DestinationId::from_uuid(id.0),
        )
    });
    Ok(ids.collect())
}

/// What is due at one destination, the earliest first.
async fn of_destination(
    transaction: &mut Transaction,
    organization_id: OrganizationId,
    destination_id: DestinationId,
    room: u32,
) -> Result<Vec<DueDelivery>, StoreError> {
    let at = transaction.at();
    let connection = transaction.connection().await?;
    let rows: Vec<DeliveryRow> = sqlx::query_as(select_deliveries!(
        "WHERE destination_id = ? AND next_attempt_at <= ?
         ORDER BY next_attempt_at, id
         LIMIT ? + 0"
    ))
    .bind(Id(destination_id.uuid()))
    .bind(At(at))
    .bind(room)
    .fetch_all(&mut *connection)
    .await
    .map_err(store_error)?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        match equip(connection, organization_id, destination_id, row).await {
            Ok(delivery) => due.extend(delivery),
            // One broken row must not keep all others from being sent.
            Err(error @ StoreError::Corrupt { .. }) => {
                error!(destination.id = %destination_id, %error, "a delivery cannot be sent");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(due)
}

/// A delivery with what is sent and where to; None where the destination ended meanwhile.
async fn equip(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    destination_id: DestinationId,
    row: DeliveryRow,
) -> Result<Option<DueDelivery>, StoreError> {
    let (_, delivery) = read(row)?;
    let destination = destinations::load(connection, organization_id, destination_id).await?;
    let destination = destination.filter(|it| it.status == DestinationStatus::Active);
    let Some(destination) = destination else {
        return Ok(None);
    };
    let event = events::load(connection, organization_id, delivery.event_id).await?;
    let event =
        event.ok_or_else(|| corrupt("delivery", &delivery.id, &"a delivery's event is kept"))?;
    Ok(Some(DueDelivery {
        organization_id,
        delivery,
        event,
        destination,
    }))
}

/// Makes what was read above due again after `length`, whether or not an attempt was kept by then.
async fn hold(
    transaction: &mut Transaction,
    destination_id: DestinationId,
    room: u32,
    length: Duration,
) -> Result<(), StoreError> {
    let at = transaction.at();
    sqlx::query(
        "UPDATE delivery
         SET next_attempt_at = ?3
         WHERE id IN (
             SELECT id
             FROM delivery
             WHERE destination_id = ?1 AND next_attempt_at <= ?2
             ORDER BY next_attempt_at, id
             LIMIT ?4 + 0
         )",
    )
    .bind(Id(destination_id.uuid()))
    .bind(At(at))
    .bind(At(at + length))
    .bind(room)
    .execute(transaction.connection().await?)
    .await
    .map_err(store_error)?;
    Ok(())
}
