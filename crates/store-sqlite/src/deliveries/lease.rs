//! `Deliveries::lease`: what is due, for one dispatcher, for a while. Destinations take turns, so
//! that one with a long backlog does not hold up the others.

use std::time::Duration;

use rusqlite::params;
use tracing::error;
use windlass_application::ports::StoreError;
use windlass_application::ports::deliveries::DueDelivery;
use windlass_domain::Timestamp;
use windlass_domain::destination::DestinationStatus;
use windlass_domain::id::{DestinationId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::DeliveryRow;
use windlass_records::{Look, in_turn, select_deliveries};

use crate::connection::Connection;
use crate::destinations;
use crate::error::{corrupt, read};
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
    let ended_at = store.last_look().ended_at();
    let due_at = in_turn(with_due(store, looked_at).await?, busy, ended_at);
    // Most of the time nothing is due, and looking takes no lock.
    let (leased, ended_at) = if due_at.is_empty() {
        (Vec::new(), ended_at)
    } else {
        let leasing = store.change(None, move |transaction| {
            of_destinations(transaction, due_at, limit, per_destination, length)
        });
        let (leased, last) = leasing.await?;
        (leased, last.or(ended_at))
    };
    store.last_look().set(Look {
        at: looked_at,
        ended_at,
    });
    Ok(leased)
}

/// What is due at these destinations, held for a while; and at which of them it ended.
fn of_destinations(
    transaction: &Transaction<'_>,
    due_at: Vec<(OrganizationId, DestinationId)>,
    limit: u32,
    per_destination: u32,
    length: Duration,
) -> Result<(Vec<DueDelivery>, Option<DestinationId>), StoreError> {
    let (mut leased, mut ended_at) = (Vec::new(), None);
    for (organization_id, destination_id) in due_at {
        let room = limit.saturating_sub(u32::try_from(leased.len()).unwrap_or(u32::MAX));
        if room == 0 {
            break;
        }
        let room = room.min(per_destination);
        let of_one = of_destination(transaction, organization_id, destination_id, room);
        leased.extend(of_one?);
        ended_at = Some(destination_id);
        hold(transaction, destination_id, room, length)?;
    }
    Ok((leased, ended_at))
}

/// The active destinations that have something due, in the order of their ids.
async fn with_due(
    store: &SqliteStore,
    now: Timestamp,
) -> Result<Vec<(OrganizationId, DestinationId)>, StoreError> {
    let rows: Vec<(Id, Id)> = store
        .read(move |connection| {
            connection.rows(
                "SELECT destination.organization_id, destination.id
                 FROM destination
                 WHERE destination.status = ?
                   AND EXISTS (
                       SELECT 1
                       FROM delivery
                       WHERE delivery.destination_id = destination.id AND delivery.next_attempt_at <= ?
                   )
                 ORDER BY destination.id",
                params![DestinationStatus::Active.as_str(), At(now)],
            )
        })
        .await?;
    let ids = rows.into_iter().map(|(organization_id, id)| {
        (
            OrganizationId::from_uuid(organization_id.0),
            DestinationId::from_uuid(id.0),
        )
    });
    Ok(ids.collect())
}

/// What is due at one destination, the earliest first.
fn of_destination(
    transaction: &Transaction<'_>,
    organization_id: OrganizationId,
    destination_id: DestinationId,
    room: u32,
) -> Result<Vec<DueDelivery>, StoreError> {
    let at = transaction.at();
    let rows: Vec<DeliveryRow> = transaction.rows(
        select_deliveries!(
            "WHERE destination_id = ? AND next_attempt_at <= ?
             ORDER BY next_attempt_at, id
             LIMIT ? + 0"
        ),
        params![Id(destination_id.uuid()), At(at), room],
    )?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        match equip(transaction, organization_id, destination_id, row) {
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
fn equip(
    connection: &Connection,
    organization_id: OrganizationId,
    destination_id: DestinationId,
    row: DeliveryRow,
) -> Result<Option<DueDelivery>, StoreError> {
    let (_, delivery) = read(row)?;
    let destination = destinations::load(connection, organization_id, destination_id)?;
    let destination = destination.filter(|it| it.status == DestinationStatus::Active);
    let Some(destination) = destination else {
        return Ok(None);
    };
    let event = events::load(connection, organization_id, delivery.event_id)?;
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
fn hold(
    transaction: &Transaction<'_>,
    destination_id: DestinationId,
    room: u32,
    length: Duration,
) -> Result<(), StoreError> {
    let at = transaction.at();
    transaction.change(
        "UPDATE delivery
         SET next_attempt_at = ?3
         WHERE id IN (
             SELECT id
             FROM delivery
             WHERE destination_id = ?1 AND next_attempt_at <= ?2
             ORDER BY next_attempt_at, id
             LIMIT ?4 + 0
         )",
        params![Id(destination_id.uuid()), At(at), At(at + length), room],
    )?;
    Ok(())
}
