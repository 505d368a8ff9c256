//! Event destinations, kept with sealed secrets.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;
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

use crate::error::{read, store_error};
use crate::store::SqliteStore;
use crate::undelivered;
use crate::write::Begun;

#[async_trait]
impl Destinations for SqliteStore {
    async fn create(
        &self,
        write: Write,
        destination: Destination,
    ) -> Result<Written<Destination>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let Configuration::Webhook(webhook) = &destination.configuration;
        sqlx::query(
            "INSERT INTO destination
                 (id, organization_id, name, status, events, type, configuration, secret, headers,
                  created_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(Id(destination.id.uuid()))
        .bind(Id(organization_id.uuid()))
        .bind(&destination.name)
        .bind(destination.status.as_str())
        .bind(windlass_records::write(&EventFilterRecord::from(
            &destination.events,
        )))
        .bind(destination.configuration.kind())
        .bind(windlass_records::write(&WebhookRecord::from(webhook)))
        .bind(webhook.secret.as_bytes())
        .bind(webhook.custom_headers.as_ref().map(Sealed::as_bytes))
        .bind(At(destination.created_at))
        .bind(At(destination.updated_at))
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        let audited = Audited::new("event_destination.create", &destination.id);
        transaction
            .commit(Outcome::Destination(&destination), Some(audited))
            .await?;
        Ok(Written::Done(destination))
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: DestinationId,
    ) -> Result<Option<Destination>, StoreError> {
        let mut connection = self.reader().await?;
        load(&mut connection, organization.organization_id(), id).await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<Destination>, StoreError> {
        let mut query = QueryBuilder::new(
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
        let rows: Vec<DestinationRow> = query
            .build_query_as()
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(store_error)?;
        page::cut(rows, &page).read(read)
    }

    async fn update(
        &self,
        write: Write,
        id: DestinationId,
        edit: DestinationEdit,
    ) -> Result<Written<Destination>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let before = load(transaction.connection().await?, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let edited = before.edited(&edit, transaction.at());
        if let Some(destination) = &edited {
            update(
                transaction.connection().await?,
                organization_id,
                destination,
            )
            .await?;
            if let Some(event_type) = destination.event_since(&before) {
                forgive(transaction.connection().await?, organization_id, id).await?;
                let event = EventData::Destination(destination.clone());
                transaction.emit(event_type, destination.updated_at, event);
            }
        }
        let audited = edited.is_some();
        let audited = audited.then(|| Audited::new("event_destination.update", &id));
        let destination = edited.unwrap_or(before);
        transaction
            .commit(Outcome::Destination(&destination), audited)
            .await?;
        // One that is active again may have something pending.
        self.deliveries_written().notify_one();
        Ok(Written::Done(destination))
    }

    async fn rotate_secret(
        &self,
        write: Write,
        id: DestinationId,
        rotate: Rotate,
    ) -> Result<Written<Destination>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let before = load(transaction.connection().await?, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
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
        update(
            transaction.connection().await?,
            organization_id,
            &destination,
        )
        .await?;
        let audited = Audited::new("event_destination.rotate_secret", &id);
        transaction
            .commit(Outcome::Destination(&destination), Some(audited))
            .await?;
        Ok(Written::Done(destination))
    }

    async fn delete(&self, write: Write, id: DestinationId) -> Result<Written<()>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let deleted = sqlx::query("DELETE FROM destination WHERE organization_id = ? AND id = ?")
            .bind(Id(organization_id.uuid()))
            .bind(Id(id.uuid()))
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        if deleted.rows_affected() == 0 {
            return Err(WriteError::NotFound);
        }
        leave(transaction.connection().await?, organization_id, id).await?;
        let audited = Audited::new("event_destination.delete", &id);
        transaction.commit_deletion(audited).await
    }

    async fn sweep(&self, limit: u32) -> Result<bool, StoreError> {
        undelivered::sweep(self, limit).await
    }
}

/// The destination of this id.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: DestinationId,
) -> Result<Option<Destination>, StoreError> {
    let row: Option<DestinationRow> = sqlx::query_as(
        "SELECT id, name, status, events, type, configuration, secret, headers, created_at,
                updated_at
         FROM destination
         WHERE organization_id = ? AND id = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(Id(id.uuid()))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// Saves what a change may bring of a destination.
async fn update(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    destination: &Destination,
) -> Result<(), StoreError> {
    let Configuration::Webhook(webhook) = &destination.configuration;
    sqlx::query(
        "UPDATE destination
         SET name = ?, status = ?, events = ?, configuration = ?, secret = ?,
             headers = ?, updated_at = ?
         WHERE organization_id = ? AND id = ?",
    )
    .bind(&destination.name)
    .bind(destination.status.as_str())
    .bind(windlass_records::write(&EventFilterRecord::from(
        &destination.events,
    )))
    .bind(windlass_records::write(&WebhookRecord::from(webhook)))
    .bind(webhook.secret.as_bytes())
    .bind(webhook.custom_headers.as_ref().map(Sealed::as_bytes))
    .bind(At(destination.updated_at))
    .bind(Id(organization_id.uuid()))
    .bind(Id(destination.id.uuid()))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Counts the failures of a destination anew.
async fn forgive(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: DestinationId,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE destination
         SET failing_since = NULL, failed_attempts = 0
         WHERE organization_id = ? AND id = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(Id(id.uuid()))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Leaves what was not delivered to a destination to [`undelivered::sweep`].
async fn leave(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: DestinationId,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO deleted_destination (id, organization_id) VALUES (?, ?)")
        .bind(Id(id.uuid()))
        .bind(Id(organization_id.uuid()))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}
