//! Events with their deliveries, written as the last part of a transaction. An event that is
//! committed cannot be missed, one that is rolled back cannot be sent.

use std::collections::HashMap;

use sqlx::FromRow;
use sqlx::postgres::PgConnection;
use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_application::random;
use windlass_domain::Timestamp;
use windlass_domain::destination::DestinationStatus;
use windlass_domain::id::{DeliveryId, DestinationId, EventId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::{ActiveDestination, ActiveDestinationRow};
use windlass_records::{NewEvent, by_organization};

use crate::error::{corrupt, read, store_error};

/// An event with its number.
struct Numbered {
    id: EventId,
    sequence: i64,
    event: NewEvent,
}

/// What was appended.
#[derive(Default)]
pub(crate) struct Appended {
    /// How many deliveries that makes.
    pub(crate) deliveries: usize,
    /// How many runs are queued now, in each organization that has new events.
    pub(crate) queued: HashMap<OrganizationId, u32>,
}

/// One event to one destination.
struct Due<'a> {
    of: &'a Numbered,
    destination_id: DestinationId,
}

/// Writes events in their order, numbered, each with a delivery to every active destination that
/// wants it. `queued` is by how many an organization's queued runs change.
///
/// The organizations' counters are the last rows that a transaction locks, in the order of their
/// ids. Destinations are read under them: one whose own event has an earlier number is seen.
pub(crate) async fn append(
    connection: &mut PgConnection,
    events: Vec<NewEvent>,
    queued: &HashMap<OrganizationId, i64>,
    trace_parent: Option<&str>,
    now: Timestamp,
) -> Result<Appended, StoreError> {
    if events.is_empty() {
        return Ok(Appended::default());
    }
    let mut appended = Appended::default();
    let mut numbered = Vec::with_capacity(events.len());
    let mut organization_ids = Vec::new();
    for (organization_id, events) in by_organization(events) {
        organization_ids.push(organization_id.uuid());
        let more = queued.get(&organization_id).copied().unwrap_or(0);
        let (first, queued) = reserve(connection, organization_id, events.len(), more).await?;
        appended.queued.insert(organization_id, queued);
        for (sequence, event) in (first..).zip(events) {
            numbered.push(number(sequence, event)?);
        }
    }
    let destinations = active_destinations(connection, &organization_ids).await?;
    let mut due = Vec::new();
    for of in &numbered {
        let of_organization = destinations.get(&of.event.organization_id);
        let wanting = of_organization.into_iter().flatten();
        due.extend(
            wanting
                .filter(|destination| destination.wants(&of.event))
                .map(|destination| Due {
                    of,
                    destination_id: destination.id,
                }),
        );
    }
    insert_events(connection, &numbered).await?;
    if !due.is_empty() {
        insert_deliveries(connection, &due, trace_parent, now).await?;
    }
    appended.deliveries = due.len();
    Ok(appended)
}

/// Waits for whoever writes events of the organization, and keeps everybody from it until the end
/// of the transaction. As the last of its locks, right before the commit.
pub(crate) async fn hold_counter(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
) -> Result<(), StoreError> {
    sqlx::query("SELECT event_sequence FROM organization WHERE id = $1 FOR NO KEY UPDATE")
        .bind(Id(organization_id.uuid()))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Takes the next numbers of an organization, and counts its queued runs, which change with events
/// alone. Answers the first number, and how many are queued.
async fn reserve(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    count: usize,
    queued: i64,
) -> Result<(u64, u32), StoreError> {
    let no_organization = || corrupt("organization", &organization_id, &"events belong to a row");
    let count = i64::try_from(count).map_err(|_| no_organization())?;
    let counted: Option<(i64, i64)> = sqlx::query_as(
        "UPDATE organization
         SET event_sequence = event_sequence + $1, queued = queued + $3
         WHERE id = $2
         RETURNING event_sequence, queued",
    )
    .bind(count)
    .bind(Id(organization_id.uuid()))
    .bind(queued)
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    let (last, queued) = counted.ok_or_else(no_organization)?;
    let first = u64::try_from(last - count + 1)
        .map_err(|_| corrupt("organization", &organization_id, &"events count up from 1"))?;
    // A count that is too low lets a start in; it must not stop everything else.
    Ok((first, u32::try_from(queued.max(0)).unwrap_or(u32::MAX)))
}

fn number(sequence: u64, event: NewEvent) -> Result<Numbered, StoreError> {
    let id = event.id(sequence);
    let sequence = i64::try_from(sequence)
        .map_err(|_| corrupt("event", &id, &"a number fits into 63 bits"))?;
    Ok(Numbered {
        id,
        sequence,
        event,
    })
}

#[derive(FromRow)]
struct OfOrganizationRow {
    organization_id: Id,
    #[sqlx(flatten)]
    destination: ActiveDestinationRow,
}

async fn active_destinations(
    connection: &mut PgConnection,
    organization_ids: &[Uuid],
) -> Result<HashMap<OrganizationId, Vec<ActiveDestination>>, StoreError> {
    let rows: Vec<OfOrganizationRow> = sqlx::query_as(
        "SELECT organization_id, id, events
         FROM destination
         WHERE organization_id = ANY($1) AND status = $2
         ORDER BY id",
    )
    .bind(organization_ids)
    .bind(DestinationStatus::Active.as_str())
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let mut destinations: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        let organization_id = OrganizationId::from_uuid(row.organization_id.0);
        let of_organization = destinations.entry(organization_id).or_default();
        of_organization.push(read(row.destination)?);
    }
    Ok(destinations)
}

async fn insert_events(
    connection: &mut PgConnection,
    events: &[Numbered],
) -> Result<(), StoreError> {
    let subjects: Vec<_> = events.iter().map(|it| it.event.subject()).collect();
    let id = |id: Option<Id>| id.map(|id| id.0);
    sqlx::query(
        "INSERT INTO event
             (id, organization_id, sequence, type, created_at, run_id, session_id, file_id,
              version, runtime_ms, detail)
         SELECT *
         FROM unnest(
             $1::uuid[], $2::uuid[], $3::bigint[], $4::text[], $5::bigint[], $6::uuid[],
             $7::uuid[], $8::uuid[], $9::bigint[], $10::bigint[], $11::text[]
         )",
    )
    .bind(column(events, |it| it.id.uuid()))
    .bind(column(events, |it| it.event.organization_id.uuid()))
    .bind(column(events, |it| it.sequence))
    .bind(column(events, |it| it.event.event_type.as_str()))
    .bind(column(events, |it| it.event.at.millis()))
    .bind(column(&subjects, |it| id(it.run_id)))
    .bind(column(&subjects, |it| id(it.session_id)))
    .bind(column(&subjects, |it| id(it.file_id)))
    .bind(column(&subjects, |it| {
        it.version.map(|version| i64::from(version.0))
    }))
    .bind(column(&subjects, |it| it.runtime_ms))
    .bind(column(&subjects, |it| it.detail.clone()))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn insert_deliveries(
    connection: &mut PgConnection,
    due: &[Due<'_>],
    trace_parent: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO delivery
             (id, organization_id, event_id, event_type, destination_id, created_at, attempts,
              next_attempt_at, trace_parent)
         SELECT *, 0, $7::bigint, $8::text
         FROM unnest(
             $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::bigint[]
         )",
    )
    .bind(column(due, |it| {
        DeliveryId::new(it.of.event.at, random::random()).uuid()
    }))
    .bind(column(due, |it| it.of.event.organization_id.uuid()))
    .bind(column(due, |it| it.of.id.uuid()))
    .bind(column(due, |it| it.of.event.event_type.as_str()))
    .bind(column(due, |it| it.destination_id.uuid()))
    .bind(column(due, |it| it.of.event.at.millis()))
    .bind(At(now))
    .bind(trace_parent)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// One column of the rows to insert.
fn column<R, T>(rows: &[R], value: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
