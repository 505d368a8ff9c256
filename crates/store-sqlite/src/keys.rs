//! API keys, kept as hashes.

use async_trait::async_trait;
use windlass_application::Operator;
use windlass_application::ports::{Keys, StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::{KeyId, OrganizationId};
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_records::Audited;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{KeyRow, minute_of_use};

use crate::error::{read, store_error};
use crate::store::SqliteStore;

#[async_trait]
impl Keys for SqliteStore {
    async fn create(&self, operator: Operator, key: ApiKey) -> Result<(), WriteError> {
        let mut transaction = self.begin(None).await?;
        let inserted = sqlx::query(
            "INSERT INTO api_key
                 (id, organization_id, scope, hash, hint, created_at, last_used_at, expires_at,
                  revoked_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (hash) DO NOTHING",
        )
        .bind(Id(key.id.uuid()))
        .bind(Id(key.organization_id.uuid()))
        .bind(key.scope.as_str())
        .bind(&key.hash[..])
        .bind(&key.hint)
        .bind(At(key.created_at))
        .bind(key.last_used_at.map(At))
        .bind(key.expires_at.map(At))
        .bind(key.revoked_at.map(At))
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        if inserted.rows_affected() == 0 {
            return Err(WriteError::IdTaken);
        }
        let audited = Audited::new("key.create", &key.id);
        let committed = transaction.commit_by_operator(&operator, key.organization_id, audited);
        Ok(committed.await?)
    }

    async fn find(&self, hash: [u8; 32]) -> Result<Option<(ApiKey, Organization)>, StoreError> {
        // Nothing but the hash says yet whose it is: this is what authentication asks.
        let row: Option<KeyRow> = sqlx::query_as(
            "SELECT api_key.id, api_key.organization_id, api_key.scope, api_key.hash,
                    api_key.hint, api_key.created_at, api_key.last_used_at, api_key.expires_at,
                    api_key.revoked_at, organization.name, organization.environment,
                    organization.suspended,
                    organization.created_at AS organization_created_at
             FROM api_key
             JOIN organization ON organization.id = api_key.organization_id
             WHERE api_key.hash = ?",
        )
        .bind(&hash[..])
        .fetch_optional(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        row.map(read).transpose()
    }

    async fn list(&self) -> Result<Vec<(ApiKey, Organization)>, StoreError> {
        // For an operator: over all organizations.
        let rows: Vec<KeyRow> = sqlx::query_as(
            "SELECT api_key.id, api_key.organization_id, api_key.scope, api_key.hash,
                    api_key.hint, api_key.created_at, api_key.last_used_at, api_key.expires_at,
                    api_key.revoked_at, organization.name, organization.environment,
                    organization.suspended,
                    organization.created_at AS organization_created_at
             FROM api_key
             JOIN organization ON organization.id = api_key.organization_id
             ORDER BY api_key.id",
        )
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(read).collect()
    }

    async fn revoke(&self, operator: Operator, id: KeyId) -> Result<(), WriteError> {
        let mut transaction = self.begin(None).await?;
        let key: Option<(Id, Option<At>)> =
            sqlx::query_as("SELECT organization_id, revoked_at FROM api_key WHERE id = ?")
                .bind(Id(id.uuid()))
                .fetch_optional(transaction.connection().await?)
                .await
                .map_err(store_error)?;
        let (organization_id, revoked_at) = key.ok_or(WriteError::NotFound)?;
        if revoked_at.is_some() {
            return Ok(());
        }
        let at = transaction.at();
        sqlx::query("UPDATE api_key SET revoked_at = ? WHERE id = ?")
            .bind(At(at))
            .bind(Id(id.uuid()))
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        let organization_id = OrganizationId::from_uuid(organization_id.0);
        let audited = Audited::new("key.revoke", &id);
        let committed = transaction.commit_by_operator(&operator, organization_id, audited);
        Ok(committed.await?)
    }

    async fn used(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError> {
        let minute = minute_of_use(at);
        let known: Option<At> = sqlx::query_scalar("SELECT last_used_at FROM api_key WHERE id = ?")
            .bind(Id(id.uuid()))
            .fetch_optional(&mut *self.reader().await?)
            .await
            .map_err(store_error)?
            .flatten();
        if known.is_some_and(|At(known)| known >= minute) {
            return Ok(());
        }
        let mut transaction = self.begin(None).await?;
        sqlx::query(
            "UPDATE api_key
             SET last_used_at = ?
             WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
        )
        .bind(At(minute))
        .bind(Id(id.uuid()))
        .bind(At(minute))
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        transaction.commit().await
    }
}
