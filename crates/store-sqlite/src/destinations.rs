//! Event destinations, kept with sealed secrets.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::ports::destinations::Rotate;
use windlass_application::ports::{Destinations, StoreError, WriteError};
use windlass_application::{
    Created, OrganizationContext, Outcome, Page, PageRequest, Write, Written,
};
use windlass_domain::destination::{Configuration, Destination, DestinationEdit, WebhookEdit};
use windlass_domain::event::EventData;
use windlass_domain::id::{DestinationId, OrganizationId};
use windlass_domain::sealed::Sealed;
use windlass_records::columns::{At, Id};
use windlass_records::page::{self, First};
use windlass_records::rows::DestinationRow;
use windlass_records::{Audited, EventFilterRecord, WebhookRecord};

use crate::connection::Connection;
use crate::error::read;
use crate::query::Query;
use crate::store::SqliteStore;
use crate::undelivered;

#[async_trait]
impl Destinations for SqliteStore {
    async fn create(
        &self,
        write: Write,
        destination: Destination,
    ) -> Result<Written<Destination>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let Configuration::Webhook(webhook) = &destination.configuration;
            transaction.change(
                "INSERT INTO destination
                     (id, organization_id, name, status, events, type, configuration, secret, headers,
                      created_at, updated_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    Id(destination.id.uuid()),
                    Id(organization_id.uuid()),
                    &destination.name,
                    destination.status.as_str(),
                    windlass_records::write(&EventFilterRecord::from(&destination.events)),
                    destination.configuration.kind(),
                    windlass_records::write(&WebhookRecord::from(webhook)),
                    webhook.secret.as_bytes(),
                    webhook.custom_headers.as_ref().map(Sealed::as_bytes),
                    At(destination.created_at),
                    At(destination.updated_at)
                ],
            )?;
            let audited = Audited::new("event_destination.create", &destination.id);
            transaction.keep(Outcome::Destination(&destination), Some(audited))?;
            Ok(destination)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: DestinationId,
    ) -> Result<Option<Destination>, StoreError> {
        self.look(|connection| load(connection, organization.organization_id(), id))
            .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<Destination>, StoreError> {
        let mut query = Query::new(
            "SELECT id, name, status, events, type, configuration, secret, headers, created_at,
                    updated_at
             FROM destination
             WHERE organization_id = ",
        );
        query.push_bind(Id(organization.organization_id().uuid()));
        let parse = |text: &str| DestinationId::parse(text).map(DestinationId::uuid);
        page::push_page_by_id(
            &mut query,
            "destination",
            created,
            &page,
            First::Newest,
            parse,
        )?;
        let rows: Vec<DestinationRow> = self
            .read(move |connection| connection.rows_of(query))
            .await?;
        page::cut(rows, &page).read(read)
    }

    async fn update(
        &self,
        write: Write,
        id: DestinationId,
        edit: DestinationEdit,
    ) -> Result<Written<Destination>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let before = load(transaction, organization_id, id)?.ok_or(WriteError::NotFound)?;
            let edited = before.edited(&edit, transaction.at());
            if let Some(destination) = &edited {
                update(transaction, organization_id, destination)?;
                if let Some(event_type) = destination.event_since(&before) {
                    forgive(transaction, organization_id, id)?;
                    let event = EventData::Destination(destination.clone());
                    transaction.tell(event_type, destination.updated_at, event);
                }
            }
            let audited = edited.is_some();
            let audited = audited.then(|| Audited::new("event_destination.update", &id));
            let destination = edited.unwrap_or(before);
            transaction.keep(Outcome::Destination(&destination), audited)?;
            // One that is active again may have something pending.
            transaction.wake_dispatchers();
            Ok(destination)
        })
        .await
    }

    async fn rotate_secret(
        &self,
        write: Write,
        id: DestinationId,
        rotate: Rotate,
    ) -> Result<Written<Destination>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let before = load(transaction, organization_id, id)?.ok_or(WriteError::NotFound)?;
            let secret = rotate(&before, transaction.at())?;
            let edit = DestinationEdit {
                webhook: WebhookEdit {
                    secret: Some(secret),
                    ..WebhookEdit::default()
                },
                ..DestinationEdit::default()
            };
            let edited = before.edited(&edit, transaction.at());
            let destination = edited.unwrap_or(before);
            update(transaction, organization_id, &destination)?;
            let audited = Audited::new("event_destination.rotate_secret", &id);
            transaction.keep(Outcome::Destination(&destination), Some(audited))?;
            Ok(destination)
        })
        .await
    }

    async fn delete(&self, write: Write, id: DestinationId) -> Result<Written<()>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let deleted = transaction.change(
                "DELETE FROM destination WHERE organization_id = ? AND id = ?",
                params![Id(organization_id.uuid()), Id(id.uuid())],
            )?;
            if deleted == 0 {
                return Err(WriteError::NotFound);
            }
            leave(transaction, organization_id, id)?;
            let audited = Audited::new("event_destination.delete", &id);
            transaction.keep_deletion(audited)
        })
        .await
    }

    async fn sweep(&self, limit: u32) -> Result<bool, StoreError> {
        undelivered::sweep(self, limit).await
    }
}

/// The destination of this id.
pub(crate) fn load(
    connection: &Connection,
    organization_id: OrganizationId,
    id: DestinationId,
) -> Result<Option<Destination>, StoreError> {
    let row: Option<DestinationRow> = connection.row(
        "SELECT id, name, status, events, type, configuration, secret, headers, created_at,
                updated_at
         FROM destination
         WHERE organization_id = ? AND id = ?",
        params![Id(organization_id.uuid()), Id(id.uuid())],
    )?;
    row.map(read).transpose()
}

/// Saves what a change may bring of a destination.
fn update(
    connection: &Connection,
    organization_id: OrganizationId,
    destination: &Destination,
) -> Result<(), StoreError> {
    let Configuration::Webhook(webhook) = &destination.configuration;
    connection.change(
        "UPDATE destination
         SET name = ?, status = ?, events = ?, configuration = ?, secret = ?,
             headers = ?, updated_at = ?
         WHERE organization_id = ? AND id = ?",
        params![
            &destination.name,
            destination.status.as_str(),
            windlass_records::write(&EventFilterRecord::from(&destination.events)),
            windlass_records::write(&WebhookRecord::from(webhook)),
            webhook.secret.as_bytes(),
            webhook.custom_headers.as_ref().map(Sealed::as_bytes),
            At(destination.updated_at),
            Id(organization_id.uuid()),
            Id(destination.id.uuid())
        ],
    )?;
    Ok(())
}

/// Counts the failures of a destination anew.
fn forgive(
    connection: &Connection,
    organization_id: OrganizationId,
    id: DestinationId,
) -> Result<(), StoreError> {
    connection.change(
        "UPDATE destination
         SET failing_since = NULL, failed_attempts = 0
         WHERE organization_id = ? AND id = ?",
        params![Id(organization_id.uuid()), Id(id.uuid())],
    )?;
    Ok(())
}

/// Leaves what was not delivered to a destination to [`undelivered::sweep`].
fn leave(
    connection: &Connection,
    organization_id: OrganizationId,
    id: DestinationId,
) -> Result<(), StoreError> {
    connection.change(
        "INSERT INTO deleted_destination (id, organization_id) VALUES (?, ?)",
        params![Id(id.uuid()), Id(organization_id.uuid())],
    )?;
    Ok(())
}
