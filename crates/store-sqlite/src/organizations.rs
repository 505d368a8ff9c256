//! Organizations, kept.

use async_trait::async_trait;
use sqlx::FromRow;
use windlass_application::ports::{Organizations, StoreError, WriteError};
use windlass_domain::id::OrganizationId;
use windlass_domain::organization::{Environment, Organization};
use windlass_records::columns::{At, Id};

use crate::error::{corrupt, store_error};
use crate::store::SqliteStore;
use crate::write::{Audited, By, audit};

#[async_trait]
impl Organizations for SqliteStore {
    async fn create(&self, organization: Organization) -> Result<(), WriteError> {
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
        .execute(transaction.connection())
        .await
        .map_err(store_error)?;
        if inserted.rows_affected() == 0 {
            return Err(WriteError::IdTaken);
        }
        let at = transaction.at();
        let audited = Audited {
            action: "organization.create",
            subject: organization.id.to_string(),
        };
        audit(
            transaction.connection(),
            organization.id,
            at,
            By::Operator,
            &audited,
        )
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn find(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let row: Option<OrganizationRow> = sqlx::query_as(
            "SELECT id, name, environment, suspended, created_at
             FROM organization
             WHERE name = ?",
        )
        .bind(name)
        .fetch_optional(self.readers())
        .await
        .map_err(store_error)?;
        row.map(OrganizationRow::into_organization).transpose()
    }

    async fn list(&self) -> Result<Vec<Organization>, StoreError> {
        let rows: Vec<OrganizationRow> = sqlx::query_as(
            "SELECT id, name, environment, suspended, created_at
             FROM organization
             ORDER BY id",
        )
        .fetch_all(self.readers())
        .await
        .map_err(store_error)?;
        rows.into_iter()
            .map(OrganizationRow::into_organization)
            .collect()
    }
}

/// A row of the table; also what a key's row is joined with.
#[derive(FromRow)]
pub(crate) struct OrganizationRow {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) environment: String,
    pub(crate) suspended: bool,
    pub(crate) created_at: At,
}

impl OrganizationRow {
    pub(crate) fn into_organization(self) -> Result<Organization, StoreError> {
        let id = OrganizationId::from_uuid(self.id.0);
        let environment = Environment::parse(&self.environment).ok_or_else(|| {
            let rule = format!(
                "an environment is a known one; it is `{}`",
                self.environment
            );
            corrupt("organization", &id, &rule)
        })?;
        Ok(Organization {
            id,
            name: self.name,
            environment,
            suspended: self.suspended,
            created_at: self.created_at.0,
        })
    }
}
