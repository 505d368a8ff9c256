//! Organizations, kept.

use async_trait::async_trait;
use windlass_application::Operator;
use windlass_application::ports::{Organizations, StoreError, WriteError};
use windlass_domain::id::OrganizationId;
use windlass_domain::organization::Organization;
use windlass_records::Audited;
use windlass_records::columns::{At, Id};
use windlass_records::rows::OrganizationRow;

use crate::error::{read, store_error};
use crate::store::SqliteStore;

#[async_trait]
impl Organizations for SqliteStore {
    async fn create(
        &self,
        operator: Operator,
        organization: Organization,
    ) -> Result<(), WriteError> {
        let mut transaction = self.begin(None).await?;
        let inserted = sqlx::query(
            "INSERT INTO organization
                 (id, name, environment, suspended, event_sequence, created_at)
             VALUES (?, ?, ?, ?, 0, ?)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(Id(organization.id.uuid()))
        .bind(&organization.name)
        .bind(organization.environment.as_str())
        .bind(organization.suspended)
        .bind(At(organization.created_at))
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        if inserted.rows_affected() == 0 {
            return Err(WriteError::IdTaken);
        }
        let audited = Audited::new("organization.create", &organization.id);
        let committed = transaction.commit_by_operator(&operator, organization.id, audited);
        Ok(committed.await?)
    }

    async fn set_suspended(
        &self,
        operator: Operator,
        id: OrganizationId,
        suspended: bool,
    ) -> Result<(), WriteError> {
        let mut transaction = self.begin(None).await?;
        let known: Option<bool> =
            sqlx::query_scalar("SELECT suspended FROM organization WHERE id = ?")
                .bind(Id(id.uuid()))
                .fetch_optional(transaction.connection().await?)
                .await
                .map_err(store_error)?;
        if known.ok_or(WriteError::NotFound)? == suspended {
            return Ok(());
        }
        sqlx::query("UPDATE organization SET suspended = ? WHERE id = ?")
            .bind(suspended)
            .bind(Id(id.uuid()))
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        let action = match suspended {
            true => "organization.suspend",
            false => "organization.resume",
        };
        let audited = Audited::new(action, &id);
        let committed = transaction.commit_by_operator(&operator, id, audited);
        Ok(committed.await?)
    }

    async fn find(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let row: Option<OrganizationRow> = sqlx::query_as(
            "SELECT id, name, environment, suspended, created_at
             FROM organization
             WHERE name = ?",
        )
        .bind(name)
        .fetch_optional(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        row.map(read).transpose()
    }

    async fn list(&self) -> Result<Vec<Organization>, StoreError> {
        let rows: Vec<OrganizationRow> = sqlx::query_as(
            "SELECT id, name, environment, suspended, created_at
             FROM organization
             ORDER BY id",
        )
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(read).collect()
    }
}
