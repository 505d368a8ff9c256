//! Events with their deliveries, written as the last part of a transaction. An event that is
//! committed cannot be missed, one that is rolled back cannot be sent.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::StoreError;
use windlass_application::random;
use windlass_domain::Timestamp;
use windlass_domain::destination::DestinationStatus;
use windlass_domain::id::{DeliveryId, DestinationId, EventId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::{ActiveDestination, ActiveDestinationRow};
use windlass_records::{NewEvent, by_organization};

use crate::error::{corrupt, read, store_error};

/// Writes events in their order, numbered, each with a delivery to every active destination that
/// wants it. Says how many deliveries that makes. `queued` is by how many its queued runs change, for
/// each organization.
///
/// The organization's counter is the last row that a transaction takes before its events, so that
/// it is held as shortly as can be.
pub(crate) async fn append(
    connection: &mut SqliteConnection,
    events: Vec<NewEvent>,
    queued: &HashMap<OrganizationId, i64>,
    trace_parent: Option<&str>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut deliveries = 0;
    for (organization_id, events) in by_organization(events) {
        let queued = queued.get(&organization_id).copied().unwrap_or(0);
        let reserved = reserve(connection, organization_id, events.len(), queued).await?;
        let mut sequence = reserved.first;
        let destinations = match reserved.is_told {
            true => active_destinations(connection, organization_id).await?,
            false => Vec::new(),
        };
        for event in events {
            let event_id = event.id(sequence);
            insert(connection, event_id, sequence, &event).await?;
            sequence += 1;
            for destination in &destinations {
                if destination.wants(&event) {
                    deliver(
                        connection,
                        event_id,
                        &event,
                        destination.id,
                        trace_parent,
                        now,
                    )
                    .await?;
                    deliveries += 1;
                }
            }
        }
    }
    Ok(deliveries)
}

async fn active_destinations(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
) -> Result<Vec<ActiveDestination>, StoreError> {
    let rows: Vec<ActiveDestinationRow> = sqlx::query_as(
        "SELECT id, events
         FROM destination
         WHERE organization_id = ? AND status = ?
         ORDER BY id",
    )
    .bind(Id(organization_id.uuid()))
    .bind(DestinationStatus::Active.as_str())
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(read).collect()
}

/// Numbers of an organization's events.
struct Reserved {
    first: u64,
    /// Whether it has an active destination.
    is_told: bool,
}

/// Takes the next numbers of an organization, and counts its queued runs, which change with events
/// alone.
async fn reserve(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    count: usize,
    queued: i64,
) -> Result<Reserved, StoreError> {
    let no_organization = || corrupt("organization", &organization_id, &"events belong to a row");
    let count = i64::try_from(count).map_err(|_| no_organization())?;
    let row: Option<(i64, bool)> = sqlx::query_as(
        "UPDATE organization
         SET event_sequence = event_sequence + ?, queued = queued + ?
         WHERE id = ?
         RETURNING event_sequence, EXISTS (
             SELECT 1 FROM destination WHERE organization_id = organization.id AND status = ?
         )",
    )
    .bind(count)
    .bind(queued)
    .bind(Id(organization_id.uuid()))
    .bind(DestinationStatus::Active.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    let (last, is_told) = row.ok_or_else(no_organization)?;
    let first = u64::try_from(last - count + 1)
        .map_err(|_| corrupt("organization", &organization_id, &"events count up from 1"))?;
    Ok(Reserved { first, is_told })
}

async fn insert(
    connection: &mut SqliteConnection,
    event_id: EventId,
    sequence: u64,
    event: &NewEvent,
) -> Result<(), StoreError> {
    let subject = event.subject();
    let sequence = i64::try_from(sequence)
        .map_err(|_| corrupt("event", &event_id, &"a number fits into 63 bits"))?;
    sqlx::query(
        "INSERT INTO event
             (id, organization_id, sequence, type, created_at, run_id, session_id, file_id,
              version, runtime_ms, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(Id(event_id.uuid()))
    .bind(Id(event.organization_id.uuid()))
    .bind(sequence)
    .bind(event.event_type.as_str())
    .bind(At(event.at))
    .bind(subject.run_id)
    .bind(subject.session_id)
    .bind(subject.file_id)
    .bind(subject.version)
    .bind(subject.runtime_ms)
    .bind(subject.detail)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn deliver(
    connection: &mut SqliteConnection,
    event_id: EventId,
    event: &NewEvent,
    destination_id: DestinationId,
    trace_parent: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let delivery_id = DeliveryId::new(event.at, random::random());
    sqlx::query(
        "INSERT INTO delivery
             (id, organization_id, event_id, event_type, destination_id, attempts,
              next_attempt_at, trace_parent, created_at)
         VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)",
    )
    .bind(Id(delivery_id.uuid()))
    .bind(Id(event.organization_id.uuid()))
    .bind(Id(event_id.uuid()))
    .bind(event.event_type.as_str())
    .bind(Id(destination_id.uuid()))
    .bind(At(now))
    .bind(trace_parent)
    .bind(At(event.at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
