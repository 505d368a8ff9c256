//! Sources, kept.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::sources::SourceFilter;
use windlass_application::ports::{Sources, StoreError, WriteError};
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{OrganizationId, SourceId};
use windlass_domain::source::{Source, SourceEdit};
use windlass_records::columns::{At, Id};
use windlass_records::rows::SourceRow;
use windlass_records::{Audited, page, refuse_in_use};

use crate::error::{read, store_error};
use crate::playbooks;
use crate::runs::unfinished;
use crate::store::SqliteStore;
use crate::write::Begun;

#[async_trait]
impl Sources for SqliteStore {
    async fn create(&self, write: Write, source: Source) -> Result<Written<Source>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let inserted = sqlx::query(
            "INSERT INTO source (organization_id, id, name, url, created_at, updated_at)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (organization_id, id) DO NOTHING",
        )
        .bind(Id(organization_id.uuid()))
        .bind(source.id.as_str())
        .bind(&source.name)
        .bind(&source.url)
        .bind(At(source.created_at))
        .bind(At(source.updated_at))
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        if inserted.rows_affected() == 0 {
            return Err(WriteError::IdTaken);
        }
        let event = EventData::Source(source.clone());
        transaction.emit(EventType::SourceCreated, source.created_at, event);
        let audited = Audited::new("source.create", &source.id);
        transaction
            .commit(Outcome::Source(&source), Some(audited))
            .await?;
        Ok(Written::Done(source))
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &SourceId,
    ) -> Result<Option<Source>, StoreError> {
        let mut connection = self.reader().await?;
        load(&mut connection, organization.organization_id(), id).await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: SourceFilter,
        page: PageRequest,
    ) -> Result<Page<Source>, StoreError> {
        let mut query = QueryBuilder::new(
            "SELECT id, name, url, created_at, updated_at
             FROM source
             WHERE organization_id = ",
        );
        query.push_bind(Id(organization.organization_id().uuid()));
        if let Some(name) = filter.name {
            query.push(" AND name = ");
            query.push_bind(name);
        }
        page::push_page_by_creation(&mut query, "source", filter.created, &page);
        let rows: Vec<SourceRow> = query
            .build_query_as()
            .fetch_all(&mut *self.reader().await?)
            .await
            .map_err(store_error)?;
        page::cut(rows, &page).read(read)
    }

    async fn update(
        &self,
        write: Write,
        id: &SourceId,
        edit: SourceEdit,
    ) -> Result<Written<Source>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let before = load(transaction.connection().await?, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let edited = before.edited(&edit, transaction.at());
        if let Some(source) = &edited {
            sqlx::query(
                "UPDATE source
                 SET name = ?, url = ?, updated_at = ?
                 WHERE organization_id = ? AND id = ?",
            )
            .bind(&source.name)
            .bind(&source.url)
            .bind(At(source.updated_at))
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
            let event = EventData::Source(source.clone());
            transaction.emit(EventType::SourceUpdated, source.updated_at, event);
        }
        let audited = edited.is_some().then(|| Audited::new("source.update", id));
        let source = edited.unwrap_or(before);
        transaction
            .commit(Outcome::Source(&source), audited)
            .await?;
        Ok(Written::Done(source))
    }

    async fn delete(&self, write: Write, id: &SourceId) -> Result<Written<()>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let connection = transaction.connection().await?;
        let source = load(connection, organization_id, id)
            .await?
            .ok_or(WriteError::NotFound)?;
        let credentials = credentials(connection, organization_id, id).await?;
        let runs = unfinished::of_source(connection, organization_id, id).await?;
        refuse_in_use(&[(credentials, "credential"), (runs, "task run")])?;
        playbooks::drop_of_source(&mut transaction, organization_id, id).await?;
        sqlx::query("DELETE FROM source WHERE organization_id = ? AND id = ?")
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        let at = transaction.at().following(source.updated_at);
        transaction.emit(EventType::SourceDeleted, at, EventData::Source(source));
        let audited = Audited::new("source.delete", id);
        transaction.commit_deletion(audited).await
    }
}

/// The source of this id.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<Option<Source>, StoreError> {
    let row: Option<SourceRow> = sqlx::query_as(
        "SELECT id, name, url, created_at, updated_at
         FROM source
         WHERE organization_id = ? AND id = ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// How many credentials that are not deleted a source has.
async fn credentials(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "SELECT count(*)
         FROM credential
         WHERE organization_id = ? AND source_id = ? AND status <> ?",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .bind(CredentialStatus::Deleted.as_str())
    .fetch_one(connection)
    .await
    .map_err(store_error)
}
