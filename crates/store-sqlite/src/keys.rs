//! API keys, kept as hashes.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::Operator;
use windlass_application::ports::{Keys, StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::{KeyId, OrganizationId};
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{KeyRow, minute_of_use};
use windlass_records::{Audited, select_keys};

use crate::error::read;
use crate::store::SqliteStore;

#[async_trait]
impl Keys for SqliteStore {
    async fn create(&self, operator: Operator, key: ApiKey) -> Result<(), WriteError> {
        self.change(None, move |transaction| {
            let inserted = transaction.change(
                "INSERT INTO api_key
                     (id, organization_id, scope, hash, hint, created_at, last_used_at, expires_at,
                      revoked_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                 ON CONFLICT (hash) DO NOTHING",
                params![
                    Id(key.id.uuid()),
                    Id(key.organization_id.uuid()),
                    key.scope.as_str(),
                    &key.hash[..],
                    &key.hint,
                    At(key.created_at),
                    key.last_used_at.map(At),
                    key.expires_at.map(At),
                    key.revoked_at.map(At)
                ],
            )?;
            if inserted == 0 {
                return Err(WriteError::IdTaken);
            }
            let audited = Audited::new("key.create", &key.id);
            Ok(transaction.keep_by_operator(&operator, key.organization_id, audited)?)
        })
        .await
    }

    async fn find(&self, hash: [u8; 32]) -> Result<Option<(ApiKey, Organization)>, StoreError> {
        // Nothing but the hash says yet whose it is: this is what authentication asks.
        let row: Option<KeyRow> = self
            .look(|connection| {
                connection.row(select_keys!("WHERE api_key.hash = ?"), params![&hash[..]])
            })
            .await?;
        row.map(read).transpose()
    }

    async fn list(&self) -> Result<Vec<(ApiKey, Organization)>, StoreError> {
        // For an operator: over all organizations.
        let rows: Vec<KeyRow> = self
            .read(move |connection| connection.rows(select_keys!("ORDER BY api_key.id"), ()))
            .await?;
        rows.into_iter().map(read).collect()
    }

    async fn revoke(&self, operator: Operator, id: KeyId) -> Result<(), WriteError> {
        self.change(None, move |transaction| {
            let key: Option<(Id, Option<At>)> = transaction.row(
                "SELECT organization_id, revoked_at FROM api_key WHERE id = ?",
                params![Id(id.uuid())],
            )?;
            let (organization_id, revoked_at) = key.ok_or(WriteError::NotFound)?;
            if revoked_at.is_some() {
                return Ok(());
            }
            let at = transaction.at();
            transaction.change(
                "UPDATE api_key SET revoked_at = ? WHERE id = ?",
                params![At(at), Id(id.uuid())],
            )?;
            let organization_id = OrganizationId::from_uuid(organization_id.0);
            let audited = Audited::new("key.revoke", &id);
            Ok(transaction.keep_by_operator(&operator, organization_id, audited)?)
        })
        .await
    }

    async fn used(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError> {
        let minute = minute_of_use(at);
        let known: Option<At> = self
            .look(|connection| {
                connection.value(
                    "SELECT last_used_at FROM api_key WHERE id = ?",
                    params![Id(id.uuid())],
                )
            })
            .await?
            .flatten();
        if known.is_some_and(|At(known)| known >= minute) {
            return Ok(());
        }
        self.change(None, move |transaction| {
            transaction.change(
                "UPDATE api_key
                 SET last_used_at = ?
                 WHERE id = ? AND (last_used_at IS NULL OR last_used_at < ?)",
                params![At(minute), Id(id.uuid()), At(minute)],
            )?;
            Ok(())
        })
        .await
    }
}
