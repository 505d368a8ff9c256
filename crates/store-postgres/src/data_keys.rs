//! Wrapped data keys, and the canary that proves the master key, kept.

use async_trait::async_trait;
use sqlx::postgres::PgExecutor;
use windlass_application::ports::vault::WrappedKey;
use windlass_application::ports::{DataKeys, StoreError};
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use windlass_records::columns::{Count, Id};
use windlass_records::rows::DataKeyRow;

use crate::error::{read, store_error};
use crate::store::PostgresStore;

#[async_trait]
impl DataKeys for PostgresStore {
    async fn list(&self, organization_id: OrganizationId) -> Result<Vec<WrappedKey>, StoreError> {
        versions(self.pool(), organization_id).await
    }

    async fn insert(
        &self,
        organization_id: OrganizationId,
        key: WrappedKey,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        let mut transaction = self.begin(None).await?;
        sqlx::query(
            "INSERT INTO data_key (organization_id, version, wrapped)
             VALUES ($1, $2, $3)
             ON CONFLICT (organization_id, version) DO NOTHING",
        )
        .bind(Id(organization_id.uuid()))
        .bind(Count(key.version))
        .bind(key.wrapped.as_bytes())
        .execute(transaction.connection())
        .await
        .map_err(store_error)?;
        let kept = versions(transaction.connection(), organization_id).await?;
        transaction.commit().await?;
        Ok(kept)
    }

    async fn canary(&self) -> Result<Option<Sealed>, StoreError> {
        let sealed: Option<Vec<u8>> = sqlx::query_scalar("SELECT sealed FROM canary")
            .fetch_optional(self.pool())
            .await
            .map_err(store_error)?;
        Ok(sealed.map(Sealed::from_bytes))
    }

    async fn plant_canary(&self, canary: Sealed) -> Result<Sealed, StoreError> {
        let mut transaction = self.begin(None).await?;
        sqlx::query("INSERT INTO canary (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
            .bind(canary.as_bytes())
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        let kept: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM canary")
            .fetch_one(transaction.connection())
            .await
            .map_err(store_error)?;
        transaction.commit().await?;
        Ok(Sealed::from_bytes(kept))
    }
}

async fn versions(
    executor: impl PgExecutor<'_>,
    organization_id: OrganizationId,
) -> Result<Vec<WrappedKey>, StoreError> {
    let rows: Vec<DataKeyRow> = sqlx::query_as(
        "SELECT version, wrapped
         FROM data_key
         WHERE organization_id = $1
         ORDER BY version",
    )
    .bind(Id(organization_id.uuid()))
    .fetch_all(executor)
    .await
    .map_err(store_error)?;
    rows.into_iter().map(read).collect()
}
