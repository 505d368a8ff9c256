//! `Deliveries::replay` and `Deliveries::redeliver`: what is sent once more.

use std::collections::HashMap;

use rusqlite::params;
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
use crate::connection::Connection;
use crate::destinations;
use crate::error::read;
use crate::query::Query;
use crate::store::SqliteStore;

pub(super) async fn replay(
    store: &SqliteStore,
    write: Write,
    replay: Replay,
) -> Result<Written<u32>, WriteError> {
    store
        .write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let at = transaction.at();
            let destination =
                destinations::load(transaction, organization_id, replay.destination_id)?
                    .ok_or(WriteError::NotFound)?;
            let types = replay.types(&destination.events);
            let mut events = of_period(transaction, organization_id, &replay, &types)?;
            if events.len() > usize::try_from(MAX_REPLAYED).unwrap_or(usize::MAX) {
                return Err(WriteError::TooMuch { most: MAX_REPLAYED });
            }
            events.retain(|event| !is_of_its_parking(&event.data, destination.id));
            // Read after the events, so that no delivery is made a second time.
            let mut known = known(transaction, organization_id, &replay)?;
            let mut sent = 0;
            for event in events {
                match known.remove(&event.id) {
                    Some(delivery) => match delivery.state {
                        DeliveryState::Pending { .. } => continue,
                        DeliveryState::Success { .. } | DeliveryState::Parked { .. } => {
                            update(transaction, organization_id, &delivery.again(at))?;
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
                        insert(transaction, organization_id, &delivery)?;
                    }
                }
                sent += 1;
            }
            let audited = Audited::new("event_destination.replay", &destination.id);
            transaction.keep(Outcome::Replayed(&sent), Some(audited))?;
            transaction.wake_dispatchers();
            Ok(sent)
        })
        .await
}

pub(super) async fn redeliver(
    store: &SqliteStore,
    write: Write,
    id: DeliveryId,
) -> Result<Written<DeliveryView>, WriteError> {
    store
        .write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let at = transaction.at();
            let (owner, delivery) = load(transaction, id)?.ok_or(WriteError::NotFound)?;
            if owner != organization_id {
                return Err(WriteError::NotFound);
            }
            destinations::load(transaction, organization_id, delivery.destination_id)?.ok_or(
                WriteError::ReferenceGone {
                    what: Resource::EventDestination,
                },
            )?;
            let delivery = delivery.again(at);
            update(transaction, organization_id, &delivery)?;
            let mut views = load_attempts(transaction, vec![delivery])?;
            let view = views.pop().ok_or(WriteError::NotFound)?;
            let audited = Audited::new("event_delivery.redeliver", &id);
            transaction.keep(Outcome::Delivery(&view), Some(audited))?;
            transaction.wake_dispatchers();
            Ok(view)
        })
        .await
}

/// The events of a period, one more than may be replayed.
fn of_period(
    connection: &Connection,
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
    let mut query = Query::new(select_events!("WHERE event.organization_id = "));
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
    let rows: Vec<EventRow> = connection.rows_of(query)?;
    rows.into_iter().map(read).collect()
}

/// What was made of the period for the destination, by event: a delivery's id has its event's moment.
fn known(
    connection: &Connection,
    organization_id: OrganizationId,
    replay: &Replay,
) -> Result<HashMap<EventId, Delivery>, StoreError> {
    let (from, to) = (
        page::first_after(replay.after),
        page::first_of(replay.before),
    );
    let rows: Vec<DeliveryRow> = connection.rows(
        select_deliveries!(
            "WHERE organization_id = ? AND destination_id = ? AND id >= ? AND id < ?"
        ),
        params![
            Id(organization_id.uuid()),
            Id(replay.destination_id.uuid()),
            from,
            to
        ],
    )?;
    let rows = rows.into_iter().map(|row| {
        let (_, delivery) = read(row)?;
        Ok((delivery.event_id, delivery))
    });
    rows.collect()
}

/// The delivery of this id, and whose it is.
fn load(
    connection: &Connection,
    id: DeliveryId,
) -> Result<Option<(OrganizationId, Delivery)>, StoreError> {
    let row: Option<DeliveryRow> =
        connection.row(select_deliveries!("WHERE id = ?"), params![Id(id.uuid())])?;
    row.map(read).transpose()
}

/// Saves how a delivery stands.
fn update(
    connection: &Connection,
    organization_id: OrganizationId,
    delivery: &Delivery,
) -> Result<(), StoreError> {
    let moments = DeliveryMoments::from(delivery.state);
    connection.change(
        "UPDATE delivery
         SET next_attempt_at = ?, delivered_at = ?, parked_until = ?
         WHERE organization_id = ? AND id = ?",
        params![
            moments.next_attempt_at,
            moments.delivered_at,
            moments.parked_until,
            Id(organization_id.uuid()),
            Id(delivery.id.uuid())
        ],
    )?;
    Ok(())
}

/// Keeps a delivery that was not made with its event, since its destination was inactive.
fn insert(
    connection: &Connection,
    organization_id: OrganizationId,
    delivery: &Delivery,
) -> Result<(), StoreError> {
    connection.change(
        "INSERT INTO delivery
             (id, organization_id, event_id, event_type, destination_id, attempts,
              next_attempt_at, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(delivery.id.uuid()),
            Id(organization_id.uuid()),
            Id(delivery.event_id.uuid()),
            delivery.event_type.as_str(),
            Id(delivery.destination_id.uuid()),
            delivery.attempts,
            DeliveryMoments::from(delivery.state).next_attempt_at,
            At(delivery.created_at)
        ],
    )?;
    Ok(())
}
