//! `Deliveries::lease`: what is due, for one dispatcher, for a while. Destinations take turns, so
//! that one with a long backlog does not hold up the others.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sqlx::sqlite::SqliteConnection;
use tracing::error;
use windlass_application::ports::StoreError;
use windlass_application::ports::deliveries::DueDelivery;
use windlass_domain::Timestamp;
use windlass_domain::destination::DestinationStatus;
use windlass_domain::id::{DestinationId, OrganizationId};
use windlass_records::columns::{At, Id};

use super::row::{DeliveryRow, select_deliveries};
use crate::destinations;
use crate::error::{corrupt, store_error};
use crate::events;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

/// The last look at what is due.
#[derive(Debug, Default)]
pub(crate) struct LastLook(Mutex<Option<Look>>);

#[derive(Debug, Clone, Copy)]
struct Look {
    /// When; everything that was due then has been seen.
    at: Timestamp,
    /// At which destination it ended.
    ended_at: Option<DestinationId>,
}

impl LastLook {
    fn get(&self) -> Option<Look> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, look: Look) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
    }

    /// Until when everything that was due has been seen.
    pub(super) fn at(&self) -> Timestamp {
        self.get().map_or(Timestamp::EPOCH, |look| look.at)
    }
}

pub(super) async fn lease(
    store: &SqliteStore,
    limit: u32,
    per_destination: u32,
    busy: &[DestinationId],
    length: Duration,
) -> Result<Vec<DueDelivery>, StoreError> {
    let looked_at = store.now();
    let mut ended_at = store.last_look().get().and_then(|look| look.ended_at);
    let mut due_at = with_due(store, looked_at).await?;
    due_at.retain(|(_, id)| !busy.contains(id));
    // From the first destination above the one where the last look ended, and around.
    let turn = due_at.partition_point(|(_, id)| ended_at.is_some_and(|ended_at| *id <= ended_at));
    due_at.rotate_left(turn);

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
    .fetch_all(store.readers())
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
    let connection = transaction.connection();
    let rows: Vec<DeliveryRow> = sqlx::query_as(select_deliveries!(
        "WHERE destination_id = ? AND next_attempt_at <= ?
         ORDER BY next_attempt_at, id
         LIMIT ?"
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
    let (_, delivery) = row.into_delivery()?;
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
             LIMIT ?4
         )",
    )
    .bind(Id(destination_id.uuid()))
    .bind(At(at))
    .bind(At(at + length))
    .bind(room)
    .execute(transaction.connection())
    .await
    .map_err(store_error)?;
    Ok(())
}
