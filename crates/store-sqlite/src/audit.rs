//! The audit: entries as they are written, and each organization's chain of them.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use windlass_application::audit::{AuditEntry, ChainHead, HeadSeal, LinkedEntry, ListedEntry};
use windlass_application::ports::{Audit, StoreError};
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{AuditRow, UnlinkedRow};
use windlass_records::{chain_end, linked, newest_of, position};

use crate::error::{read, store_error};
use crate::store::SqliteStore;
use crate::transaction::Transaction;

#[async_trait]
impl Audit for SqliteStore {
    async fn unlinked(&self) -> Result<Vec<OrganizationId>, StoreError> {
        // For the chainer: over all organizations.
        let ids: Vec<Id> =
            sqlx::query_scalar("SELECT DISTINCT organization_id FROM unlinked_audit")
                .fetch_all(&mut *self.reader().await?)
                .await
                .map_err(store_error)?;
        Ok(ids
            .into_iter()
            .map(|id| OrganizationId::from_uuid(id.0))
            .collect())
    }

    async fn link(
        &self,
        organization_id: OrganizationId,
        limit: u32,
        seal: HeadSeal,
    ) -> Result<u32, StoreError> {
        let mut transaction = self.begin(None).await?;
        let connection = transaction.connection().await?;
        let (sealed, has_links): (Option<Vec<u8>>, bool) = sqlx::query_as(
            "SELECT (SELECT sealed FROM audit_head WHERE organization_id = ?),
                    EXISTS (SELECT 1 FROM audit WHERE organization_id = ?)",
        )
        .bind(Id(organization_id.uuid()))
        .bind(Id(organization_id.uuid()))
        .fetch_one(&mut *connection)
        .await
        .map_err(store_error)?;
        let end = chain_end(organization_id, sealed, has_links, &seal)?;
        let entries = take(connection, organization_id, limit).await?;
        if entries.is_empty() {
            return Ok(0);
        }
        let (links, end) = linked(end, entries);
        insert(&mut transaction, organization_id, &links);
        transaction
            .then(
                "INSERT INTO audit_head (organization_id, sealed) VALUES (?, ?)
                 ON CONFLICT (organization_id) DO UPDATE SET sealed = excluded.sealed",
            )
            .bind(Id(organization_id.uuid()))
            .bind(seal.seal(end).as_bytes());
        transaction.commit().await?;
        Ok(u32::try_from(links.len()).unwrap_or(limit))
    }

    async fn head(&self, organization_id: OrganizationId) -> Result<ChainHead, StoreError> {
        let (sealed, unlinked): (Option<Vec<u8>>, i64) = sqlx::query_as(
            "SELECT (SELECT sealed FROM audit_head WHERE organization_id = ?),
                    (SELECT count(*) FROM unlinked_audit WHERE organization_id = ?)",
        )
        .bind(Id(organization_id.uuid()))
        .bind(Id(organization_id.uuid()))
        .fetch_one(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        Ok(ChainHead {
            sealed: sealed.map(Sealed::from_bytes),
            unlinked: u64::try_from(unlinked).unwrap_or_default(),
        })
    }

    async fn chain(
        &self,
        organization_id: OrganizationId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LinkedEntry>, StoreError> {
        let rows: Vec<AuditRow> = sqlx::query_as(
            "SELECT organization_id, position, hash, at, actor, request_id, address, action, subject
             FROM audit
             WHERE organization_id = ? AND position > ?
             ORDER BY position
             LIMIT ? + 0",
        )
        .bind(Id(organization_id.uuid()))
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        rows.into_iter().map(read).collect()
    }

    async fn newest(
        &self,
        organization_id: OrganizationId,
        limit: u32,
    ) -> Result<Vec<ListedEntry>, StoreError> {
        let unlinked: Vec<UnlinkedRow> = sqlx::query_as(
            "SELECT id, organization_id, at, actor, request_id, address, action, subject
             FROM unlinked_audit
             WHERE organization_id = ?
             ORDER BY id DESC
             LIMIT ? + 0",
        )
        .bind(Id(organization_id.uuid()))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        let linked: Vec<AuditRow> = sqlx::query_as(
            "SELECT organization_id, position, hash, at, actor, request_id, address, action, subject
             FROM audit
             WHERE organization_id = ?
             ORDER BY position DESC
             LIMIT ? + 0",
        )
        .bind(Id(organization_id.uuid()))
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .map_err(store_error)?;
        newest_of(unlinked, linked, limit)
    }
}

/// Keeps an entry, which is linked later: nothing but this transaction waits for it.
pub(crate) fn keep(transaction: &mut Transaction, entry: &AuditEntry) {
    transaction
        .then(
            "INSERT INTO unlinked_audit
             (organization_id, at, actor, request_id, address, action, subject)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(Id(entry.organization_id.uuid()))
        .bind(At(entry.at))
        .bind(&entry.actor)
        .bind(Id(entry.request_id.uuid()))
        .bind(&entry.address)
        .bind(&entry.action)
        .bind(&entry.subject);
}

/// Takes the oldest entries out that are not linked, in the order in which they were written.
async fn take(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let rows: Vec<UnlinkedRow> = sqlx::query_as(
        "DELETE FROM unlinked_audit
         WHERE id IN (
             SELECT id FROM unlinked_audit WHERE organization_id = ? ORDER BY id LIMIT ? + 0
         )
         RETURNING id, organization_id, at, actor, request_id, address, action, subject",
    )
    .bind(Id(organization_id.uuid()))
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let mut entries: Vec<(i64, AuditEntry)> =
        rows.into_iter().map(read).collect::<Result<_, _>>()?;
    entries.sort_by_key(|(id, _)| *id);
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

/// Writes links, all of one organization.
fn insert(transaction: &mut Transaction, organization_id: OrganizationId, links: &[LinkedEntry]) {
    for linked in links {
        let entry = &linked.entry;
        transaction
            .then(
                "INSERT INTO audit
                 (organization_id, position, hash, at, actor, request_id, address, action, subject)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(Id(organization_id.uuid()))
            .bind(position(linked.link))
            .bind(&linked.link.hash[..])
            .bind(At(entry.at))
            .bind(&entry.actor)
            .bind(Id(entry.request_id.uuid()))
            .bind(&entry.address)
            .bind(&entry.action)
            .bind(&entry.subject);
    }
}
