//! Events with their deliveries, written as the last part of a transaction. An event that is
//! committed cannot be missed, one that is rolled back cannot be sent.

use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};
use windlass_application::ports::StoreError;
use windlass_application::random;
use windlass_domain::id::{DeliveryId, DestinationId, EventId, OrganizationId};
use windlass_records::columns::{At, Id};
use windlass_records::rows::{ActiveDestination, ActiveDestinationRow};
use windlass_records::{NewEvent, by_organization};

use crate::error::{corrupt, read, store_error};
use crate::transaction::Transaction;

/// What is to be known of an organization to write its events.
#[derive(Clone)]
pub(crate) struct Feed {
    /// The number of its latest event.
    last: i64,
    destinations: Vec<ActiveDestination>,
}

/// What reads a [`Feed`], of the organization that `$organization` selects.
macro_rules! feed {
    ($($organization:literal),+) => {
        [
            concat!(
                "SELECT event_sequence FROM organization WHERE id = ",
                $($organization),+
            ),
            concat!(
                "SELECT id, events
                 FROM destination
                 WHERE status = 'active' AND organization_id = ",
                $($organization),+,
                " ORDER BY id"
            ),
        ]
    };
}
pub(crate) use feed;

impl Feed {
    /// What the two statements brought; None where there is no such organization.
    pub(crate) fn of_rows(
        number: &[SqliteRow],
        destinations: &[SqliteRow],
    ) -> Result<Option<Self>, StoreError> {
        let Some(row) = number.first() else {
            return Ok(None);
        };
        let destinations = destinations.iter().map(|row| {
            let row = ActiveDestinationRow::from_row(row).map_err(store_error)?;
            read(row)
        });
        Ok(Some(Self {
            last: row.try_get(0).map_err(store_error)?,
            destinations: destinations.collect::<Result<_, _>>()?,
        }))
    }

    async fn of(
        transaction: &mut Transaction,
        organization_id: OrganizationId,
    ) -> Result<Self, StoreError> {
        let statements = feed!("?");
        for statement in statements {
            transaction.ask(statement).bind(Id(organization_id.uuid()));
        }
        let rows = transaction.read(statements.len()).await?;
        let [number, destinations] = &rows[..] else {
            return Err(no_organization(organization_id));
        };
        let feed = Self::of_rows(number, destinations)?;
        feed.ok_or_else(|| no_organization(organization_id))
    }
}

/// Writes events in their order, numbered, each with a delivery to every active destination that
/// wants it. Says how many deliveries that makes. `queued` is by how many its queued runs change, for
/// each organization.
pub(crate) async fn append(
    transaction: &mut Transaction,
    events: Vec<NewEvent>,
    queued: &HashMap<OrganizationId, i64>,
) -> Result<u64, StoreError> {
    let mut deliveries = 0;
    for (organization_id, events) in by_organization(events) {
        let queued = queued.get(&organization_id).copied().unwrap_or(0);
        let feed = match transaction.feed(organization_id) {
            Some(known) => known,
            None => Feed::of(transaction, organization_id).await?,
        };
        let mut sequence = feed.last;
        for event in events {
            sequence += 1;
            let event_id = insert(transaction, sequence, &event)?;
            for destination in &feed.destinations {
                if destination.wants(&event) {
                    deliver(transaction, event_id, &event, destination.id);
                    deliveries += 1;
                }
            }
        }
        count(transaction, organization_id, sequence, queued);
    }
    Ok(deliveries)
}

/// Counts an organization's events, and its queued runs, which change with events alone.
fn count(
    transaction: &mut Transaction,
    organization_id: OrganizationId,
    sequence: i64,
    queued: i64,
) {
    transaction
        .then("UPDATE organization SET event_sequence = ?, queued = queued + ? WHERE id = ?")
        .bind(sequence)
        .bind(queued)
        .bind(Id(organization_id.uuid()));
}

fn no_organization(organization_id: OrganizationId) -> StoreError {
    corrupt("organization", &organization_id, &"events belong to a row")
}

/// Writes an event of this number; under which id.
fn insert(
    transaction: &mut Transaction,
    sequence: i64,
    event: &NewEvent,
) -> Result<EventId, StoreError> {
    let number = u64::try_from(sequence).map_err(|_| {
        let rule = "events count up from 1";
        corrupt("organization", &event.organization_id, &rule)
    })?;
    let event_id = event.id(number);
    let subject = event.subject();
    transaction
        .then(
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
        .bind(subject.detail);
    Ok(event_id)
}

fn deliver(
    transaction: &mut Transaction,
    event_id: EventId,
    event: &NewEvent,
    destination_id: DestinationId,
) {
    let (now, trace_parent) = (
        transaction.at(),
        transaction.trace_parent().map(str::to_owned),
    );
    let delivery_id = DeliveryId::new(event.at, random::random());
    transaction
        .then(
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
        .bind(At(event.at));
}
