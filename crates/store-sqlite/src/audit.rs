//! The audit: entries as they are written, and each organization's chain of them.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::audit::{AuditEntry, ChainHead, HeadSeal, LinkedEntry, ListedEntry};
use windlass_application::ports::{Audit, StoreError};
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{AuditRow, UnlinkedRow};
use windlass_records::{chain_end, linked, newest_of, position};

use crate::connection::Connection;
use crate::error::read;
use crate::store::SqliteStore;

#[async_trait]
impl Audit for SqliteStore {
    async fn unlinked(&self) -> Result<Vec<OrganizationId>, StoreError> {
        // For the chainer: over all organizations.
        let ids: Vec<Id> = self
            .read(|connection| {
                connection.values("SELECT DISTINCT organization_id FROM unlinked_audit", ())
            })
            .await?;
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
        self.change(None, move |transaction| {
            let owner = Id(organization_id.uuid());
            let sealed = sealed_head(transaction, owner)?;
            let has_links = transaction.only_value(
                "SELECT EXISTS (SELECT 1 FROM audit WHERE organization_id = ?)",
                [owner],
            )?;
            let end = chain_end(organization_id, sealed, has_links, &seal)?;
            let entries = take(transaction, organization_id, limit)?;
            if entries.is_empty() {
                return Ok(0);
            }
            let (links, end) = linked(end, entries);
            insert(transaction, organization_id, &links)?;
            transaction.change(
                "INSERT INTO audit_head (organization_id, sealed) VALUES (?, ?)
                 ON CONFLICT (organization_id) DO UPDATE SET sealed = excluded.sealed",
                params![owner, seal.seal(end).as_bytes()],
            )?;
            Ok(u32::try_from(links.len()).unwrap_or(limit))
        })
        .await
    }

    async fn head(&self, organization_id: OrganizationId) -> Result<ChainHead, StoreError> {
        let owner = Id(organization_id.uuid());
        self.read(move |connection| {
            let sealed = sealed_head(connection, owner)?;
            let unlinked: i64 = connection.only_value(
                "SELECT count(*) FROM unlinked_audit WHERE organization_id = ?",
                [owner],
            )?;
            Ok(ChainHead {
                sealed: sealed.map(Sealed::from_bytes),
                unlinked: u64::try_from(unlinked).unwrap_or_default(),
            })
        })
        .await
    }

    async fn chain(
        &self,
        organization_id: OrganizationId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<LinkedEntry>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows: Vec<AuditRow> = self
            .read(move |connection| {
                connection.rows(
                    "SELECT organization_id, position, hash, at, actor, request_id, address,
                            action, subject
                     FROM audit
                     WHERE organization_id = ? AND position > ?
                     ORDER BY position
                     LIMIT ? + 0",
                    params![Id(organization_id.uuid()), after, limit],
                )
            })
            .await?;
        rows.into_iter().map(read).collect()
    }

    async fn newest(
        &self,
        organization_id: OrganizationId,
        limit: u32,
    ) -> Result<Vec<ListedEntry>, StoreError> {
        let reading = self.read(move |connection| {
            let unlinked: Vec<UnlinkedRow> = connection.rows(
                "SELECT id, organization_id, at, actor, request_id, address, action, subject
                 FROM unlinked_audit
                 WHERE organization_id = ?
                 ORDER BY id DESC
                 LIMIT ? + 0",
                params![Id(organization_id.uuid()), limit],
            )?;
            let linked: Vec<AuditRow> = connection.rows(
                "SELECT organization_id, position, hash, at, actor, request_id, address, action,
                        subject
                 FROM audit
                 WHERE organization_id = ?
                 ORDER BY position DESC
                 LIMIT ? + 0",
                params![Id(organization_id.uuid()), limit],
            )?;
            newest_of(unlinked, linked, limit)
        });
        reading.await
    }
}

/// The sealed end of an organization's chain, where it has one.
pub(crate) fn sealed_head(
    connection: &Connection,
    owner: Id,
) -> Result<Option<Vec<u8>>, StoreError> {
    connection.value(
        "SELECT sealed FROM audit_head WHERE organization_id = ?",
        [owner],
    )
}

/// Keeps an entry, which is linked later: nothing but this transaction waits for it.
pub(crate) fn keep(connection: &Connection, entry: &AuditEntry) -> Result<(), StoreError> {
    connection.change(
        "INSERT INTO unlinked_audit
             (organization_id, at, actor, request_id, address, action, subject)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(entry.organization_id.uuid()),
            At(entry.at),
            &entry.actor,
            Id(entry.request_id.uuid()),
            &entry.address,
            &entry.action,
            &entry.subject
        ],
    )?;
    Ok(())
}

/// Takes the oldest entries out that are not linked, in the order in which they were written.
fn take(
    connection: &Connection,
    organization_id: OrganizationId,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let rows: Vec<UnlinkedRow> = connection.rows(
        "DELETE FROM unlinked_audit
         WHERE id IN (
             SELECT id FROM unlinked_audit WHERE organization_id = ? ORDER BY id LIMIT ? + 0
         )
         RETURNING id, organization_id, at, actor, request_id, address, action, subject",
        params![Id(organization_id.uuid()), limit],
    )?;
    let mut entries: Vec<(i64, AuditEntry)> =
        rows.into_iter().map(read).collect::<Result<_, _>>()?;
    entries.sort_by_key(|(id, _)| *id);
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

/// Writes links, all of one organization.
fn insert(
    connection: &Connection,
    organization_id: OrganizationId,
    links: &[LinkedEntry],
) -> Result<(), StoreError> {
    for linked in links {
        let entry = &linked.entry;
        connection.change(
            "INSERT INTO audit
                 (organization_id, position, hash, at, actor, request_id, address, action, subject)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                Id(organization_id.uuid()),
                position(linked.link),
                &linked.link.hash[..],
                At(entry.at),
                &entry.actor,
                Id(entry.request_id.uuid()),
                &entry.address,
                &entry.action,
                &entry.subject
            ],
        )?;
    }
    Ok(())
}
