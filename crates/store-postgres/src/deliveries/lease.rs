//! `Deliveries::lease`: what is due, for one dispatcher, for a while. Destinations take turns, so
//! that one with a long backlog does not hold up the others.

use std::collections::HashMap;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgConnection;
use tracing::error;
use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_application::ports::deliveries::DueDelivery;
use windlass_domain::Timestamp;
use windlass_domain::delivery::Delivery;
use windlass_domain::destination::{Destination, DestinationStatus};
use windlass_domain::event::Event;
use windlass_domain::id::{DestinationId, EventId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::{DeliveryRow, DestinationRow, EventRow, Row};
use windlass_records::{Look, in_turn, select_events};

use crate::error::{corrupt, read, store_error};
use crate::store::PostgresStore;

/// Runs as the owner of the tables: a dispatcher sends everybody's. Destinations and events are
/// found by the ids that rows of ours have.
pub(super) async fn lease(
    store: &PostgresStore,
    limit: u32,
    per_destination: u32,
    busy: &[DestinationId],
    length: Duration,
) -> Result<Vec<DueDelivery>, StoreError> {
    let looked_at = store.now();
    let with_due = with_due(store.pool(), looked_at).await?;
    let turns = in_turn(with_due, busy, store.last_look().ended_at());
    let mut due = Vec::new();
    let mut ended_at = store.last_look().ended_at();
    if !turns.is_empty() {
        // Most of the time nothing is due, and looking takes no transaction.
        let mut transaction = store.begin(None).await?;
        let at = transaction.at();
        let connection = transaction.connection();
        let turns: Vec<DestinationId> = turns.into_iter().map(|(_, id)| id).collect();
        let taken = take(connection, &turns, at, limit, per_destination).await?;
        hold(connection, &taken, at + length).await?;
        let is_full = u32::try_from(taken.len()).is_ok_and(|taken| taken >= limit);
        let last = taken.last().filter(|_| is_full);
        let last = last.map(|row| DestinationId::from_uuid(row.destination_id.0));
        ended_at = last.or(turns.last().copied());
        due = equip(connection, taken).await?;
        transaction.commit().await?;
    }
    store.last_look().set(Look {
        at: looked_at,
        ended_at,
    });
    Ok(due)
}

/// The active destinations that have something due, in the order of their ids. Steps from one to
/// the next through the index of what is not over, in whose order it asks: neither the length of a backlog nor the number
/// of destinations that have none costs anything.
async fn with_due(
    pool: &PgPool,
    now: Timestamp,
) -> Result<Vec<(OrganizationId, DestinationId)>, StoreError> {
    let rows: Vec<(Id, Id)> = sqlx::query_as(
        "WITH RECURSIVE pending (destination_id) AS (
             (
                 SELECT destination_id
                 FROM delivery
                 WHERE next_attempt_at IS NOT NULL
                 ORDER BY destination_id, next_attempt_at, id
                 LIMIT 1
             )
             UNION ALL
             SELECT (
                 SELECT delivery.destination_id
                 FROM delivery
                 WHERE delivery.next_attempt_at IS NOT NULL
                   AND delivery.destination_id > pending.destination_id
                 ORDER BY delivery.destination_id, delivery.next_attempt_at, delivery.id
                 LIMIT 1
             )
             FROM pending
             WHERE pending.destination_id IS NOT NULL
         )
         SELECT destination.organization_id, destination.id
         FROM pending
         JOIN destination ON destination.id = pending.destination_id
         WHERE destination.status = $1
           AND EXISTS (
               SELECT 1
               FROM delivery
               WHERE delivery.destination_id = destination.id AND delivery.next_attempt_at <= $2
           )
         ORDER BY destination.id",
    )
    .bind(DestinationStatus::Active.as_str())
    .bind(At(now))
    .fetch_all(pool)
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

/// What is due at these destinations, one after the other, the earliest of each first. What
/// another dispatcher is just taking is left to it. Reads no more of a backlog than it takes.
async fn take(
    connection: &mut PgConnection,
    turns: &[DestinationId],
    now: Timestamp,
    limit: u32,
    per_destination: u32,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let turns: Vec<Uuid> = turns.iter().map(|id| id.uuid()).collect();
    sqlx::query_as(
        "SELECT due.id, due.organization_id, due.event_id, due.event_type, due.destination_id,
                due.attempts, due.next_attempt_at, due.delivered_at, due.parked_until,
                due.created_at
         FROM unnest($1::uuid[]) AS turn (destination_id)
         CROSS JOIN LATERAL (
             SELECT *
             FROM delivery
             WHERE delivery.destination_id = turn.destination_id
               AND delivery.next_attempt_at <= $2
             ORDER BY delivery.next_attempt_at, delivery.id
             LIMIT $3
             FOR NO KEY UPDATE SKIP LOCKED
         ) AS due
         LIMIT $4",
    )
    .bind(turns)
    .bind(At(now))
    .bind(i64::from(per_destination))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await
    .map_err(store_error)
}

/// Makes what was taken due again at this moment, whether or not an attempt was kept by then.
async fn hold(
    connection: &mut PgConnection,
    taken: &[DeliveryRow],
    until: Timestamp,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = taken.iter().map(|row| row.id.0).collect();
    sqlx::query("UPDATE delivery SET next_attempt_at = $1 WHERE id = ANY($2)")
        .bind(At(until))
        .bind(ids)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// These deliveries with what is sent and where to; without those whose destination ended
/// meanwhile, and without those that are broken: they must not keep all others from being sent.
async fn equip(
    connection: &mut PgConnection,
    taken: Vec<DeliveryRow>,
) -> Result<Vec<DueDelivery>, StoreError> {
    let taken: Vec<(OrganizationId, Delivery)> =
        taken.into_iter().filter_map(unless_broken).collect();
    let destination_ids = taken.iter().map(|(_, it)| it.destination_id.uuid());
    let destinations = destinations(connection, destination_ids.collect()).await?;
    let event_ids = taken.iter().map(|(_, it)| it.event_id.uuid()).collect();
    let events = events(connection, event_ids).await?;
    let mut due = Vec::with_capacity(taken.len());
    for (organization_id, delivery) in taken {
        let Some(destination) = destinations.get(&delivery.destination_id) else {
            continue;
        };
        let Some(event) = events.get(&delivery.event_id) else {
            report(&corrupt(
                "delivery",
                &delivery.id,
                &"a delivery's event is kept, and whole",
            ));
            continue;
        };
        due.push(DueDelivery {
            organization_id,
            delivery,
            event: event.clone(),
            destination: destination.clone(),
        });
    }
    Ok(due)
}

async fn destinations(
    connection: &mut PgConnection,
    ids: Vec<Uuid>,
) -> Result<HashMap<DestinationId, Destination>, StoreError> {
    let rows: Vec<DestinationRow> = sqlx::query_as(
        "SELECT id, name, status, events, type, configuration, secret, headers, created_at,
                updated_at
         FROM destination
         WHERE id = ANY($1) AND status = $2",
    )
    .bind(ids)
    .bind(DestinationStatus::Active.as_str())
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let whole = rows.into_iter().filter_map(unless_broken);
    Ok(whole.map(|it| (it.id, it)).collect())
}

async fn events(
    connection: &mut PgConnection,
    ids: Vec<Uuid>,
) -> Result<HashMap<EventId, Event>, StoreError> {
    let rows: Vec<EventRow> = sqlx::query_as(select_events!("WHERE event.id = ANY($1)"))
        .bind(ids)
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    let whole = rows.into_iter().filter_map(unless_broken);
    Ok(whole.map(|it| (it.id, it)).collect())
}

/// What a row keeps; a broken one is told to the operator.
fn unless_broken<R: Row>(row: R) -> Option<R::Kept> {
    read(row).inspect_err(report).ok()
}

fn report(error: &StoreError) {
    error!(%error, "a delivery cannot be sent");
}
