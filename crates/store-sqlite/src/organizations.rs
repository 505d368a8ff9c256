//! Organizations, kept.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::Operator;
use windlass_application::ports::{Organizations, StoreError, WriteError};
use windlass_domain::id::OrganizationId;
use windlass_domain::organization::Organization;
use windlass_records::Audited;
use windlass_records::columns::{At, Id};
use windlass_records::rows::OrganizationRow;

use crate::error::read;
use crate::store::SqliteStore;

#[async_trait]
impl Organizations for SqliteStore {
    async fn create(
        &self,
        operator: Operator,
        organization: Organization,
    ) -> Result<(), WriteError> {
        self.change(None, move |transaction| {
            let inserted = transaction.change(
                "INSERT INTO organization
                     (id, name, environment, suspended, event_sequence, created_at)
                 VALUES (?, ?, ?, ?, 0, ?)
                 ON CONFLICT (name) DO NOTHING",
                params![
                    Id(organization.id.uuid()),
                    &organization.name,
                    organization.environment.as_str(),
                    organization.suspended,
                    At(organization.created_at)
                ],
            )?;
            if inserted == 0 {
                return Err(WriteError::IdTaken);
            }
            let audited = Audited::new("organization.create", &organization.id);
            Ok(transaction.keep_by_operator(&operator, organization.id, audited)?)
        })
        .await
    }

    async fn set_suspended(
        &self,
        operator: Operator,
        id: OrganizationId,
        suspended: bool,
    ) -> Result<(), WriteError> {
        self.change(None, move |transaction| {
            let known: Option<bool> = transaction.value(
                "SELECT suspended FROM organization WHERE id = ?",
                params![Id(id.uuid())],
            )?;
            if known.ok_or(WriteError::NotFound)? == suspended {
                return Ok(());
            }
            transaction.change(
                "UPDATE organization SET suspended = ? WHERE id = ?",
                params![suspended, Id(id.uuid())],
            )?;
            let action = match suspended {
                true => "organization.suspend",
                false => "organization.resume",
            };
            let audited = Audited::new(action, &id);
            Ok(transaction.keep_by_operator(&operator, id, audited)?)
        })
        .await
    }

    async fn find(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        let row: Option<OrganizationRow> = self
            .look(|connection| {
                connection.row(
                    "SELECT id, name, environment, suspended, created_at
                     FROM organization
                     WHERE name = ?",
                    params![name],
                )
            })
            .await?;
        row.map(read).transpose()
    }

    async fn list(&self) -> Result<Vec<Organization>, StoreError> {
        let rows: Vec<OrganizationRow> = self
            .read(move |connection| {
                connection.rows(
                    "SELECT id, name, environment, suspended, created_at
                     FROM organization
                     ORDER BY id",
                    (),
                )
            })
            .await?;
        rows.into_iter().map(read).collect()
    }
}
