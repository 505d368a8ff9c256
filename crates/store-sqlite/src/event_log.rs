//! Events with their deliveries, written as the last part of a transaction. An event that is
//! committed cannot be missed, one that is rolled back cannot be sent.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::params;
use windlass_application::ports::StoreError;
use windlass_application::random;
use windlass_domain::id::{DeliveryId, DestinationId, EventId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::{ActiveDestination, ActiveDestinationRow};
use windlass_records::{NewEvent, by_organization};

use crate::connection::Connection;
use crate::error::{corrupt, read};
use crate::transaction::Transaction;

/// Writes events in their order, numbered, each with a delivery to every active destination that
/// wants it. `queued` is by how many its queued runs change, for
/// each organization.
pub(crate) fn append(
    transaction: &mut Transaction<'_>,
    events: Vec<NewEvent>,
    queued: &HashMap<OrganizationId, i64>,
) -> Result<(), StoreError> {
    for (organization_id, events) in by_organization(events) {
        let queued = queued.get(&organization_id).copied().unwrap_or(0);
        let destinations = transaction.destinations(organization_id)?;
        let counted = i64::try_from(events.len()).unwrap_or(i64::MAX);
        let mut sequence = count(transaction, organization_id, counted, queued)? - counted;
        for event in events {
            sequence += 1;
            let event_id = insert(transaction, sequence, &event)?;
            for destination in destinations.iter() {
                if destination.wants(&event) {
                    deliver(transaction, event_id, &event, destination.id)?;
                    transaction.wake_dispatchers();
                }
            }
        }
    }
    Ok(())
}

/// An organization's destinations that take events.
pub(crate) fn destinations(
    connection: &Connection,
    organization_id: OrganizationId,
) -> Result<Arc<[ActiveDestination]>, StoreError> {
    let rows: Vec<ActiveDestinationRow> = connection.rows(
        "SELECT id, events
         FROM destination
         WHERE status = 'active' AND organization_id = ?
         ORDER BY id",
        params![Id(organization_id.uuid())],
    )?;
    rows.into_iter().map(read).collect()
}

/// Counts so many more events of an organization, and its queued runs, which change with events alone.
/// The number of its latest event.
fn count(
    transaction: &Transaction<'_>,
    organization_id: OrganizationId,
    events: i64,
    queued: i64,
) -> Result<i64, StoreError> {
    let latest = transaction.value(
        "UPDATE organization
         SET event_sequence = event_sequence + ?, queued = queued + ?
         WHERE id = ?
         RETURNING event_sequence",
        params![events, queued, Id(organization_id.uuid())],
    )?;
    latest.ok_or_else(|| corrupt("organization", &organization_id, &"events belong to a row"))
}

/// Writes an event of this number; under which id.
fn insert(
    transaction: &Transaction<'_>,
    sequence: i64,
    event: &NewEvent,
) -> Result<EventId, StoreError> {
    let number = u64::try_from(sequence).map_err(|_| {
        let rule = "events count up from 1";
        corrupt("organization", &event.organization_id, &rule)
    })?;
    let event_id = event.id(number);
    let subject = event.subject();
    transaction.change(
        "INSERT INTO event
             (id, organization_id, sequence, type, created_at, run_id, session_id, file_id,
              version, runtime_ms, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(event_id.uuid()),
            Id(event.organization_id.uuid()),
            sequence,
            event.event_type.as_str(),
            At(event.at),
            subject.run_id,
            subject.session_id,
            subject.file_id,
            subject.version,
            subject.runtime_ms,
            subject.detail
        ],
    )?;
    Ok(event_id)
}

fn deliver(
    transaction: &Transaction<'_>,
    event_id: EventId,
    event: &NewEvent,
    destination_id: DestinationId,
) -> Result<(), StoreError> {
    let delivery_id = DeliveryId::new(event.at, random::random());
    transaction.change(
        "INSERT INTO delivery
             (id, organization_id, event_id, event_type, destination_id, attempts,
              next_attempt_at, trace_parent, created_at)
         VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)",
        params![
            Id(delivery_id.uuid()),
            Id(event.organization_id.uuid()),
            Id(event_id.uuid()),
            event.event_type.as_str(),
            Id(destination_id.uuid()),
            At(transaction.at()),
            transaction.trace_parent(),
            At(event.at)
        ],
    )?;
    Ok(())
}
