//! Events with their deliveries, written as the last part of a transaction. An event that is
//! committed cannot be missed, one that is rolled back cannot be sent.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::StoreError;
use windlass_application::random;
use windlass_domain::Timestamp;
use windlass_domain::destination::{DestinationStatus, EventFilter};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{
    DeliveryId, DestinationId, EventId, OrganizationId, Random, RunId, SessionId, StorageId,
};
use windlass_records::columns::{At, Id};
use windlass_records::{EventDetail, EventFilterRecord};

use crate::error::{corrupt, store_error};

/// An event that has no id and no number yet.
#[derive(Debug, Clone)]
pub(crate) struct NewEvent {
    /// Whose.
    pub(crate) organization_id: OrganizationId,
    /// What happened.
    pub(crate) event_type: EventType,
    /// When: strictly after the resource's event before it.
    pub(crate) at: Timestamp,
    /// To what.
    pub(crate) data: EventData,
}

/// Writes events in their order, numbered, each with a delivery to every active destination that
/// wants it. Says how many deliveries that makes.
///
/// The organization's counter is the last row that a transaction takes before its events, so that
/// it is held as shortly as can be.
pub(crate) async fn append(
    connection: &mut SqliteConnection,
    events: Vec<NewEvent>,
    trace_parent: Option<&str>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut by_organization: BTreeMap<OrganizationId, Vec<NewEvent>> = BTreeMap::new();
    for event in events {
        let of_organization = by_organization.entry(event.organization_id).or_default();
        of_organization.push(event);
    }
    let mut deliveries = 0;
    for (organization_id, events) in by_organization {
        let destinations = active_destinations(connection, organization_id).await?;
        let mut sequence = reserve(connection, organization_id, events.len()).await?;
        for event in events {
            let event_id = event_id(event.at, sequence);
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

struct ActiveDestination {
    id: DestinationId,
    events: EventFilter,
}

impl ActiveDestination {
    /// The parking of a delivery is never told to the destination that did not take it.
    fn wants(&self, event: &NewEvent) -> bool {
        let is_about_it = match &event.data {
            EventData::Delivery(delivery) => delivery.destination_id == self.id,
            EventData::Run(_)
            | EventData::Session(_)
            | EventData::Credential(_)
            | EventData::Agent(_)
            | EventData::Source(_)
            | EventData::Task(_)
            | EventData::File(_)
            | EventData::Destination(_) => false,
        };
        !is_about_it && self.events.matches(event.event_type)
    }
}

#[derive(FromRow)]
struct ActiveRow {
    id: Id,
    events: String,
}

async fn active_destinations(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
) -> Result<Vec<ActiveDestination>, StoreError> {
    let rows: Vec<ActiveRow> = sqlx::query_as(
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
    rows.into_iter()
        .map(|row| {
            let id = DestinationId::from_uuid(row.id.0);
            let events = windlass_records::read::<EventFilterRecord>(&row.events)
                .and_then(EventFilter::try_from)
                .map_err(|error| corrupt("destination", &id, &error))?;
            Ok(ActiveDestination { id, events })
        })
        .collect()
}

/// Takes the next numbers of an organization; answers the first of them.
async fn reserve(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    count: usize,
) -> Result<u64, StoreError> {
    let no_organization = || corrupt("organization", &organization_id, &"events belong to a row");
    let count = i64::try_from(count).map_err(|_| no_organization())?;
    let last: Option<i64> = sqlx::query_scalar(
        "UPDATE organization
         SET event_sequence = event_sequence + ?
         WHERE id = ?
         RETURNING event_sequence",
    )
    .bind(count)
    .bind(Id(organization_id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    let last = last.ok_or_else(no_organization)?;
    u64::try_from(last - count + 1)
        .map_err(|_| corrupt("organization", &organization_id, &"events count up from 1"))
}

/// An id whose first random bits are the low bits of its number, so that events of the same
/// millisecond stand in their order in lists, which go by id. What is left is random enough:
/// 62 bits.
fn event_id(at: Timestamp, sequence: u64) -> EventId {
    let Random(mut random) = random::random();
    let [.., high, low] = sequence.to_be_bytes();
    random[0] = high & 0x0f;
    random[1] = low;
    EventId::new(at, Random(random))
}

/// What an event is about, in the columns of its row.
#[derive(Default)]
struct Subject {
    run_id: Option<RunId>,
    session_id: Option<SessionId>,
    file_id: Option<StorageId>,
    version: Option<u32>,
    runtime: Option<Duration>,
}

impl Subject {
    fn of(data: &EventData) -> Self {
        match data {
            EventData::Run(run) => Self {
                run_id: Some(run.id),
                version: Some(run.version),
                runtime: Some(run.runtime),
                ..Self::default()
            },
            EventData::Session(session) => Self {
                session_id: Some(session.id),
                version: Some(session.version),
                runtime: Some(session.runtime),
                ..Self::default()
            },
            EventData::File(file) => Self {
                run_id: Some(file.run_id),
                file_id: Some(file.id),
                ..Self::default()
            },
            EventData::Credential(_)
            | EventData::Agent(_)
            | EventData::Source(_)
            | EventData::Task(_)
            | EventData::Destination(_)
            | EventData::Delivery(_) => Self::default(),
        }
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    event_id: EventId,
    sequence: u64,
    event: &NewEvent,
) -> Result<(), StoreError> {
    let subject = Subject::of(&event.data);
    let sequence = i64::try_from(sequence)
        .map_err(|_| corrupt("event", &event_id, &"a number fits into 63 bits"))?;
    let runtime_ms = subject.runtime.map(|runtime| {
        // What is longer than 292 million years is kept as that.
        i64::try_from(runtime.as_millis()).unwrap_or(i64::MAX)
    });
    let detail = EventDetail::of(&event.data);
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
    .bind(subject.run_id.map(|id| Id(id.uuid())))
    .bind(subject.session_id.map(|id| Id(id.uuid())))
    .bind(subject.file_id.map(|id| Id(id.uuid())))
    .bind(subject.version)
    .bind(runtime_ms)
    .bind(detail.as_ref().map(windlass_records::write))
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
