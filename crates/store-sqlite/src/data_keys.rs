//! Wrapped data keys, and the canary that proves the master key, kept.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::Operator;
use windlass_application::ports::vault::WrappedKey;
use windlass_application::ports::{DataKeys, StoreError};
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use windlass_records::Audited;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{DataKeyRow, OwnedDataKeyRow};

use crate::connection::Connection;
use crate::error::read;
use crate::store::SqliteStore;

#[async_trait]
impl DataKeys for SqliteStore {
    async fn list(&self, organization_id: OrganizationId) -> Result<Vec<WrappedKey>, StoreError> {
        let now = self.now();
        self.look(|connection| versions(connection, organization_id, now))
            .await
    }

    async fn insert(
        &self,
        organization_id: OrganizationId,
        key: WrappedKey,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        self.change(None, move |transaction| {
            transaction.change(
                "INSERT INTO data_key (organization_id, version, wrapped, seals_from)
                 VALUES (?, ?, ?, 0)
                 ON CONFLICT (organization_id, version) DO NOTHING",
                params![
                    Id(organization_id.uuid()),
                    key.version,
                    key.wrapped.as_bytes()
                ],
            )?;
            let at = transaction.at();
            versions(transaction, organization_id, at)
        })
        .await
    }

    async fn add(
        &self,
        operator: Operator,
        organization_id: OrganizationId,
        key: WrappedKey,
        seals_from: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change(None, move |transaction| {
            let added = transaction.change(
                "INSERT INTO data_key (organization_id, version, wrapped, seals_from)
                 VALUES (?, ?, ?, ?)
                 ON CONFLICT (organization_id, version) DO NOTHING",
                params![
                    Id(organization_id.uuid()),
                    key.version,
                    key.wrapped.as_bytes(),
                    At(seals_from)
                ],
            )?;
            if added == 0 {
                return Ok(false);
            }
            let audited = Audited::new("vault.rotate_data_key", &organization_id);
            transaction.keep_by_operator(&operator, organization_id, audited)?;
            Ok(true)
        })
        .await
    }

    async fn all(&self) -> Result<Vec<(OrganizationId, WrappedKey)>, StoreError> {
        // For an operator: over all organizations.
        let now = self.now();
        let rows: Vec<OwnedDataKeyRow> = self
            .read(move |connection| {
                connection.rows(
                    "SELECT organization_id, version, wrapped, seals_from <= ? AS seals
                     FROM data_key
                     ORDER BY organization_id, version",
                    params![At(now)],
                )
            })
            .await?;
        rows.into_iter().map(read).collect()
    }

    async fn rewrap(
        &self,
        operator: Operator,
        organization_id: OrganizationId,
        found: WrappedKey,
        wrapped: Sealed,
    ) -> Result<bool, StoreError> {
        self.change(None, move |transaction| {
            let rewrapped = transaction.change(
                "UPDATE data_key SET wrapped = ?
                 WHERE organization_id = ? AND version = ? AND wrapped = ?",
                params![
                    wrapped.as_bytes(),
                    Id(organization_id.uuid()),
                    found.version,
                    found.wrapped.as_bytes()
                ],
            )?;
            if rewrapped == 0 {
                return Ok(false);
            }
            let audited = Audited::new("vault.rotate_master", &organization_id);
            transaction.keep_by_operator(&operator, organization_id, audited)?;
            Ok(true)
        })
        .await
    }

    async fn drop_before(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<(), StoreError> {
        self.change(None, move |transaction| {
            transaction.change(
                "DELETE FROM data_key WHERE organization_id = ? AND version < ?",
                params![Id(organization_id.uuid()), version],
            )?;
            Ok(())
        })
        .await
    }

    async fn replace_canary(&self, found: Sealed, canary: Sealed) -> Result<bool, StoreError> {
        self.change(None, move |transaction| {
            let replaced = transaction.change(
                "UPDATE canary SET sealed = ? WHERE sealed = ?",
                params![canary.as_bytes(), found.as_bytes()],
            )?;
            Ok(replaced > 0)
        })
        .await
    }

    async fn canary(&self) -> Result<Option<Sealed>, StoreError> {
        let sealed: Option<Vec<u8>> = self
            .read(move |connection| connection.value("SELECT sealed FROM canary", ()))
            .await?;
        Ok(sealed.map(Sealed::from_bytes))
    }

    async fn plant_canary(&self, canary: Sealed) -> Result<Sealed, StoreError> {
        self.change(None, move |transaction| {
            transaction.change(
                "INSERT INTO canary (id, sealed) VALUES (1, ?) ON CONFLICT (id) DO NOTHING",
                params![canary.as_bytes()],
            )?;
            let kept: Vec<u8> = transaction.only_value("SELECT sealed FROM canary", ())?;
            Ok(Sealed::from_bytes(kept))
        })
        .await
    }
}

fn versions(
    connection: &Connection,
    organization_id: OrganizationId,
    at: Timestamp,
) -> Result<Vec<WrappedKey>, StoreError> {
    let rows: Vec<DataKeyRow> = connection.rows(
        "SELECT version, wrapped, seals_from <= ? AS seals
         FROM data_key
         WHERE organization_id = ?
         ORDER BY version",
        params![At(at), Id(organization_id.uuid())],
    )?;
    rows.into_iter().map(read).collect()
}
