//! Sources, kept.

use async_trait::async_trait;
use sqlx::QueryBuilder;
use sqlx::postgres::PgConnection;
use windlass_application::ports::sources::SourceFilter;
use windlass_application::ports::{Sources, StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{OrganizationId, SourceId};
use windlass_domain::source::{Source, SourceEdit};
use windlass_records::columns::{At, Id};
use windlass_records::rows::SourceRow;
use windlass_records::{Audited, page, refuse_in_use};

use crate::error::{read, store_error};
use crate::open::Role;
use crate::playbooks;
use crate::retry::retrying;
use crate::runs::unfinished;
use crate::store::PostgresStore;
use crate::write::Begun;

#[async_trait]
impl Sources for PostgresStore {
    async fn create(&self, write: Write, source: Source) -> Result<Written<Source>, WriteError> {
        retrying(|| self.create_source(write.clone(), source.clone())).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &SourceId,
    ) -> Result<Option<Source>, StoreError> {
        let mut open = self.read(organization).await?;
        load(&mut open, organization.organization_id(), id).await
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
        let mut open = self.read(organization).await?;
        let rows: Vec<SourceRow> = query
            .build_query_as()
            .fetch_all(&mut *open)
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
        retrying(|| self.update_source(write.clone(), id, edit.clone())).await
    }

    async fn delete(&self, write: Write, id: &SourceId) -> Result<Written<()>, WriteError> {
        // It takes playbooks along, which a task that is deleted at the same moment takes too.
        retrying(|| self.delete_source(write.clone(), id)).await
    }
}

impl PostgresStore {
    async fn create_source(
        &self,
        write: Write,
        source: Source,
    ) -> Result<Written<Source>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let inserted = sqlx::query(
            "INSERT INTO source (organization_id, id, name, url, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (organization_id, id) DO NOTHING",
        )
        .bind(Id(organization_id.uuid()))
        .bind(source.id.as_str())
        .bind(&source.name)
        .bind(&source.url)
        .bind(At(source.created_at))
        .bind(At(source.updated_at))
        .execute(transaction.connection())
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

    async fn update_source(
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
        let before = lock(transaction.connection(), organization_id, id).await?;
        let edited = before.edited(&edit, transaction.at());
        if let Some(source) = &edited {
            sqlx::query(
                "UPDATE source
                 SET name = $1, url = $2, updated_at = $3
                 WHERE organization_id = $4 AND id = $5",
            )
            .bind(&source.name)
            .bind(&source.url)
            .bind(At(source.updated_at))
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .execute(transaction.connection())
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

    async fn delete_source(&self, write: Write, id: &SourceId) -> Result<Written<()>, WriteError> {
        // Runs that hold it are found beside those of others: each statement names its organization.
        let mut transaction = match self.begin_write_as(Role::Owner, write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let connection = transaction.connection();
        let source = lock(connection, organization_id, id).await?;
        // Counted after the lock: what was being made has been committed, and nothing else is.
        let credentials = credentials(connection, organization_id, id).await?;
        let runs = unfinished::of_source(connection, organization_id, id).await?;
        refuse_in_use(&[(credentials, "credential"), (runs, "task run")])?;
        playbooks::drop_of_source(&mut transaction, organization_id, id).await?;
        sqlx::query("DELETE FROM source WHERE organization_id = $1 AND id = $2")
            .bind(Id(organization_id.uuid()))
            .bind(id.as_str())
            .execute(transaction.connection())
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
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<Option<Source>, StoreError> {
    let row: Option<SourceRow> = sqlx::query_as(
        "SELECT id, name, url, created_at, updated_at
         FROM source
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    row.map(read).transpose()
}

/// Keeps a source from being deleted until the end of the transaction, for what refers to it anew.
///
/// # Errors
/// `ReferenceGone` where it is deleted.
pub(crate) async fn hold(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<(), WriteError> {
    let held: Option<i64> = sqlx::query_scalar(
        "SELECT 1::bigint
         FROM source
         WHERE organization_id = $1 AND id = $2
         FOR KEY SHARE",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    held.map(|_| ()).ok_or(WriteError::ReferenceGone {
        what: Resource::Source,
    })
}

/// The source of this id, which nothing can refer to anew until the end of the transaction.
async fn lock(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<Source, WriteError> {
    let row: Option<SourceRow> = sqlx::query_as(
        "SELECT id, name, url, created_at, updated_at
         FROM source
         WHERE organization_id = $1 AND id = $2
         FOR UPDATE",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    Ok(read(row.ok_or(WriteError::NotFound)?)?)
}

/// How many credentials that are not deleted a source has.
async fn credentials(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(
        "SELECT count(*)
         FROM credential
         WHERE organization_id = $1 AND source_id = $2 AND status <> $3",
    )
    .bind(Id(organization_id.uuid()))
    .bind(id.as_str())
    .bind(CredentialStatus::Deleted.as_str())
    .fetch_one(connection)
    .await
    .map_err(store_error)
}
