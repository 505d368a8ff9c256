//! API keys, kept as hashes.

use async_trait::async_trait;
use windlass_application::Operator;
use windlass_application::ports::{Keys, StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::{KeyId, OrganizationId};
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{KeyRow, minute_of_use};
use windlass_records::{Audited, select_keys};

use crate::error::{read, store_error};
use crate::store::PostgresStore;

#[async_trait]
impl Keys for PostgresStore {
    async fn create(&self, operator: Operator, key: ApiKey) -> Result<(), WriteError> {
        let mut transaction = self.begin(None).await?;
        let inserted = sqlx::query(
            "INSERT INTO api_key
                 (id, organization_id, scope, hash, hint, created_at, last_used_at, expires_at,
                  revoked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
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
        .execute(transaction.connection())
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
        let row: Option<KeyRow> = sqlx::query_as(select_keys!("WHERE api_key.hash = $1"))
            .bind(&hash[..])
            .fetch_optional(self.pool())
            .await
            .map_err(store_error)?;
        row.map(read).transpose()
    }

    async fn list(&self) -> Result<Vec<(ApiKey, Organization)>, StoreError> {
        // For an operator: over all organizations.
        let rows: Vec<KeyRow> = sqlx::query_as(select_keys!("ORDER BY api_key.id"))
            .fetch_all(self.pool())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(read).collect()
    }

    async fn revoke(&self, operator: Operator, id: KeyId) -> Result<(), WriteError> {
        let mut transaction = self.begin(None).await?;
        let key: Option<(Id, Option<At>)> = sqlx::query_as(
            "SELECT organization_id, revoked_at FROM api_key WHERE id = $1 FOR NO KEY UPDATE",
        )
        .bind(Id(id.uuid()))
        .fetch_optional(transaction.connection())
        .await
        .map_err(store_error)?;
        let (organization_id, revoked_at) = key.ok_or(WriteError::NotFound)?;
        if revoked_at.is_some() {
            return Ok(());
        }
        let at = transaction.at();
        sqlx::query("UPDATE api_key SET revoked_at = $1 WHERE id = $2")
            .bind(At(at))
            .bind(Id(id.uuid()))
            .execute(transaction.connection())
            .await
            .map_err(store_error)?;
        let organization_id = OrganizationId::from_uuid(organization_id.0);
        let audited = Audited::new("key.revoke", &id);
        let committed = transaction.commit_by_operator(&operator, organization_id, audited);
        Ok(committed.await?)
    }

    async fn used(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError> {
        // Where the minute is known already this writes nothing and takes no lock.
        sqlx::query(
            "UPDATE api_key
             SET last_used_at = $1
             WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)",
        )
        .bind(At(minute_of_use(at)))
        .bind(Id(id.uuid()))
        .execute(self.pool())
        .await
        .map_err(store_error)?;
        Ok(())
    }
}
