//! Wrapped data keys, and the canary that proves the master key, kept.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use windlass_application::Operator;
use windlass_application::ports::vault::WrappedKey;
use windlass_application::ports::{DataKeys, StoreError};
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use windlass_records::Audited;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{DataKeyRow, OwnedDataKeyRow};

use crate::error::{read, store_error};
use crate::store::SqliteStore;

#[async_trait]
impl DataKeys for SqliteStore {
    async fn list(&self, organization_id: OrganizationId) -> Result<Vec<WrappedKey>, StoreError> {
        let mut reader = self.reader().await?;
        versions(&mut reader, organization_id, self.now()).await
    }

    async fn insert(
        &self,
        organization_id: OrganizationId,
        key: WrappedKey,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        let mut transaction = self.begin(None).await?;
        sqlx::query(
            "INSERT INTO data_key (organization_id, version, wrapped, seals_from)
             VALUES (?, ?, ?, 0)
             ON CONFLICT (organization_id, version) DO NOTHING",
        )
        .bind(Id(organization_id.uuid()))
        .bind(key.version)
        .bind(key.wrapped.as_bytes())
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        let at = transaction.at();
        let kept = versions(transaction.connection().await?, organization_id, at).await?;
        transaction.commit().await?;
        Ok(kept)
    }

    async fn add(
        &self,
        operator: Operator,
        organization_id: OrganizationId,
        key: WrappedKey,
        seals_from: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin(None).await?;
        let added = sqlx::query(
            "INSERT INTO data_key (organization_id, version, wrapped, seals_from)
             VALUES (?, ?, ?, ?)
             ON CONFLICT (organization_id, version) DO NOTHING",
        )
        .bind(Id(organization_id.uuid()))
        .bind(key.version)
        .bind(key.wrapped.as_bytes())
        .bind(At(seals_from))
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        if added.rows_affected() == 0 {
            return Ok(false);
        }
        let audited = Audited::new("vault.rotate_data_key", &organization_id);
        let committed = transaction.commit_by_operator(&operator, organization_id, audited);
        committed.await?;
        Ok(true)
    }

    async fn all(&self) -> Result<Vec<(OrganizationId, WrappedKey)>, StoreError> {
        // For an operator: over all organizations.
        let rows: Vec<OwnedDataKeyRow> = sqlx::query_as(
            "SELECT organization_id, version, wrapped, seals_from <= ? AS seals
             FROM data_key
             ORDER BY organization_id, version",
        )
        .bind(At(self.now()))
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(read).collect()
    }

    async fn rewrap(
        &self,
        operator: Operator,
        organization_id: OrganizationId,
        found: WrappedKey,
        wrapped: Sealed,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin(None).await?;
        let rewrapped = sqlx::query(
            "UPDATE data_key SET wrapped = ?
             WHERE organization_id = ? AND version = ? AND wrapped = ?",
        )
        .bind(wrapped.as_bytes())
        .bind(Id(organization_id.uuid()))
        .bind(found.version)
        .bind(found.wrapped.as_bytes())
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        if rewrapped.rows_affected() == 0 {
            return Ok(false);
        }
        let audited = Audited::new("vault.rotate_master", &organization_id);
        let committed = transaction.commit_by_operator(&operator, organization_id, audited);
        committed.await?;
        Ok(true)
    }

    async fn drop_before(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<(), StoreError> {
        let mut transaction = self.begin(None).await?;
        sqlx::query("DELETE FROM data_key WHERE organization_id = ? AND version < ?")
            .bind(Id(organization_id.uuid()))
            .bind(version)
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        transaction.commit().await
    }

    async fn replace_canary(&self, found: Sealed, canary: Sealed) -> Result<bool, StoreError> {
        let mut transaction = self.begin(None).await?;
        let replaced = sqlx::query("UPDATE canary SET sealed = ? WHERE sealed = ?")
            .bind(canary.as_bytes())
            .bind(found.as_bytes())
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        transaction.commit().await?;
        Ok(replaced.rows_affected() > 0)
    }

    async fn canary(&self) -> Result<Option<Sealed>, StoreError> {
        let sealed: Option<Vec<u8>> = sqlx::query_scalar("SELECT sealed FROM canary")
            .fetch_optional(&mut *self.reader().await?)
            .await
            .map_err(store_error)?;
        Ok(sealed.map(Sealed::from_bytes))
    }

    async fn plant_canary(&self, canary: Sealed) -> Result<Sealed, StoreError> {
        let mut transaction = self.begin(None).await?;
        sqlx::query("INSERT INTO canary (id, sealed) VALUES (1, ?) ON CONFLICT (id) DO NOTHING")
            .bind(canary.as_bytes())
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        let kept: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM canary")
            .fetch_one(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        transaction.commit().await?;
        Ok(Sealed::from_bytes(kept))
    }
}

async fn versions(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    at: Timestamp,
) -> Result<Vec<WrappedKey>, StoreError> {
    let rows: Vec<DataKeyRow> = sqlx::query_as(
        "SELECT version, wrapped, seals_from <= ? AS seals
         FROM data_key
         WHERE organization_id = ?
         ORDER BY version",
    )
    .bind(At(at))
    .bind(Id(organization_id.uuid()))
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(read).collect()
}
