//! `Deliveries::replay` and `Deliveries::redeliver`: what is sent once more.

use std::collections::HashMap;

use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::StoreError;
use windlass_application::ports::WriteError;
use windlass_application::ports::deliveries::{DeliveryView, Replay};
use windlass_application::problem::Resource;
use windlass_application::{Outcome, Write, Written, random};
use windlass_domain::delivery::{Delivery, DeliveryState, MAX_REPLAYED};
use windlass_domain::event::{Event, EventType};
use windlass_domain::id::{DeliveryId, EventId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::{DeliveryMoments, DeliveryRow, EventRow, is_of_its_parking};
use windlass_records::{Audited, page, select_deliveries, select_events};

use super::list::load_attempts;
use crate::destinations;
use crate::error::{read, store_error};
use crate::store::SqliteStore;
use crate::write::Begun;

pub(super) async fn replay(
    store: &SqliteStore,
    write: Write,
    replay: &Replay,
) -> Result<Written<u32>, WriteError> {
    let mut transaction = match store.begin_write(write).await? {
        Begun::Fresh(transaction) => transaction,
        Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
    };
    let organization_id = transaction.organization_id();
    let at = transaction.at();
    let connection = transaction.connection().await?;
    let destination = destinations::load(connection, organization_id, replay.destination_id)
        .await?
        .ok_or(WriteError::NotFound)?;
    let types = replay.types(&destination.events);
    let mut events = of_period(connection, organization_id, replay, &types).await?;
    if events.len() > usize::try_from(MAX_REPLAYED).unwrap_or(usize::MAX) {
        return Err(WriteError::TooMuch { most: MAX_REPLAYED });
    }
    events.retain(|event| !is_of_its_parking(&event.data, destination.id));
    // Read after the events, so that no delivery is made a second time.
    let mut known = known(connection, organization_id, replay).await?;
    let mut sent = 0;
    for event in events {
        match known.remove(&event.id) {
            Some(delivery) => match delivery.state {
                DeliveryState::Pending { .. } => continue,
                DeliveryState::Success { .. } | DeliveryState::Parked { .. } => {
                    update(connection, organization_id, &delivery.again(at)).await?;
                }
            },
            None => {
                let delivery = Delivery {
                    id: DeliveryId::new(event.created_at, random::random()),
                    event_id: event.id,
                    event_type: event.event_type,
                    destination_id: destination.id,
                    state: DeliveryState::Pending {
                        next_attempt_at: at,
                    },
                    attempts: 0,
                    created_at: event.created_at,
                };
                insert(connection, organization_id, &delivery).await?;
            }
        }
        sent += 1;
    }
    let audited = Audited::new("event_destination.replay", &destination.id);
    transaction
        .commit(Outcome::Replayed(&sent), Some(audited))
        .await?;
    store.deliveries_written().notify_one();
    Ok(Written::Done(sent))
}

pub(super) async fn redeliver(
    store: &SqliteStore,
    write: Write,
    id: DeliveryId,
) -> Result<Written<DeliveryView>, WriteError> {
    let mut transaction = match store.begin_write(write).await? {
        Begun::Fresh(transaction) => transaction,
        Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
    };
    let organization_id = transaction.organization_id();
    let at = transaction.at();
    let connection = transaction.connection().await?;
    let (owner, delivery) = load(connection, id).await?.ok_or(WriteError::NotFound)?;
    if owner != organization_id {
        return Err(WriteError::NotFound);
    }
    destinations::load(connection, organization_id, delivery.destination_id)
        .await?
        .ok_or(WriteError::ReferenceGone {
            what: Resource::EventDestination,
        })?;
    let delivery = delivery.again(at);
    update(connection, organization_id, &delivery).await?;
    let mut views = load_attempts(connection, vec![delivery]).await?;
    let view = views.pop().ok_or(WriteError::NotFound)?;
    let audited = Audited::new("event_delivery.redeliver", &id);
    transaction
        .commit(Outcome::Delivery(&view), Some(audited))
        .await?;
    store.deliveries_written().notify_one();
    Ok(Written::Done(view))
}

/// The events of a period, one more than may be replayed.
async fn of_period(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    replay: &Replay,
    types: &[EventType],
) -> Result<Vec<Event>, StoreError> {
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let (from, to) = (
        page::first_after(replay.after),
        page::first_of(replay.before),
    );
    let mut query = QueryBuilder::new(select_events!("WHERE event.organization_id = "));
    query.push_bind(Id(organization_id.uuid()));
    query.push(" AND event.id >= ");
    query.push_bind(from);
    query.push(" AND event.id < ");
    query.push_bind(to);
    page::push_one_of(
        &mut query,
        "event.type",
        types.iter().map(ToString::to_string),
    );
    query.push(" ORDER BY event.id LIMIT ");
    query.push_bind(i64::from(MAX_REPLAYED) + 1);
    let rows: Vec<EventRow> = query
        .build_query_as()
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
    rows.into_iter().map(read).collect()
}

/// What was made of the period for the destination, by event: a delivery's id has its event's moment.
async fn known(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    replay: &Replay,
) -> Result<HashMap<EventId, Delivery>, StoreError> {
    let (from, to) = (
        page::first_after(replay.after),
        page::first_of(replay.before),
    );
    let rows: Vec<DeliveryRow> = sqlx::query_as(select_deliveries!(
        "WHERE organization_id = ? AND destination_id = ? AND id >= ? AND id < ?"
    ))
    .bind(Id(organization_id.uuid()))
    .bind(Id(replay.destination_id.uuid()))
    .bind(from)
    .bind(to)
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let rows = rows.into_iter().map(|row| {
        let (_, delivery) = read(row)?;
        Ok((delivery.event_id, delivery))
    });
    rows.collect()
}

/// The delivery of this id, and whose it is.
async fn load(
    connection: &mut SqliteConnection,
    id: DeliveryId,
) -> Result<Option<(OrganizationId, Delivery)>, StoreError> {
    let row: Option<DeliveryRow> = sqlx::query_as(select_deliveries!("WHERE id = ?"))
        .bind(Id(id.uuid()))
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    row.map(read).transpose()
}

/// Saves how a delivery stands.
async fn update(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    delivery: &Delivery,
) -> Result<(), StoreError> {
    let moments = DeliveryMoments::from(delivery.state);
    sqlx::query(
        "UPDATE delivery
         SET next_attempt_at = ?, delivered_at = ?, parked_until = ?
         WHERE organization_id = ? AND id = ?",
    )
    .bind(moments.next_attempt_at)
    .bind(moments.delivered_at)
    .bind(moments.parked_until)
    .bind(Id(organization_id.uuid()))
    .bind(Id(delivery.id.uuid()))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Keeps a delivery that was not made with its event, since its destination was inactive.
async fn insert(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    delivery: &Delivery,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO delivery
             (id, organization_id, event_id, event_type, destination_id, attempts,
              next_attempt_at, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(Id(delivery.id.uuid()))
    .bind(Id(organization_id.uuid()))
    .bind(Id(delivery.event_id.uuid()))
    .bind(delivery.event_type.as_str())
    .bind(Id(delivery.destination_id.uuid()))
    .bind(delivery.attempts)
    .bind(DeliveryMoments::from(delivery.state).next_attempt_at)
    .bind(At(delivery.created_at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
