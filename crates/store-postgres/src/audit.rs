//! The audit: entries as they are written, and each organization's chain of them.

use async_trait::async_trait;
use sqlx::postgres::PgConnection;
use windlass_application::audit::{AuditEntry, ChainHead, HeadSeal, LinkedEntry, ListedEntry};
use windlass_application::ports::{Audit, StoreError};
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{AuditRow, UnlinkedRow};
use windlass_records::{chain_end, linked, newest_of, position};

use crate::error::{read, store_error};
use crate::open::Role;
use crate::store::PostgresStore;

#[async_trait]
impl Audit for PostgresStore {
    async fn unlinked(&self) -> Result<Vec<OrganizationId>, StoreError> {
        // For the chainer: over all organizations.
        let ids: Vec<Id> =
            sqlx::query_scalar("SELECT DISTINCT organization_id FROM unlinked_audit")
                .fetch_all(self.pool())
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
        // One at a time links an organization's entries: who comes second finds what the first did.
        let lock = Some(lock_number(organization_id));
        let mut transaction = self.begin_as(Role::Owner, lock, None).await?;
        let connection = transaction.connection();
        let (sealed, has_links): (Option<Vec<u8>>, bool) = sqlx::query_as(
            "SELECT (SELECT sealed FROM audit_head WHERE organization_id = $1),
                    EXISTS (SELECT 1 FROM audit WHERE organization_id = $1)",
        )
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
        insert(connection, organization_id, &links).await?;
        sqlx::query(
            "INSERT INTO audit_head (organization_id, sealed) VALUES ($1, $2)
             ON CONFLICT (organization_id) DO UPDATE SET sealed = excluded.sealed",
        )
        .bind(Id(organization_id.uuid()))
        .bind(seal.seal(end).as_bytes())
        .execute(connection)
        .await
        .map_err(store_error)?;
        transaction.commit().await?;
        Ok(u32::try_from(links.len()).unwrap_or(limit))
    }

    async fn head(&self, organization_id: OrganizationId) -> Result<ChainHead, StoreError> {
        let (sealed, unlinked): (Option<Vec<u8>>, i64) = sqlx::query_as(
            "SELECT (SELECT sealed FROM audit_head WHERE organization_id = $1),
                    (SELECT count(*) FROM unlinked_audit WHERE organization_id = $1)",
        )
        .bind(Id(organization_id.uuid()))
        .fetch_one(self.pool())
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
             WHERE organization_id = $1 AND position > $2
             ORDER BY position
             LIMIT $3",
        )
        .bind(Id(organization_id.uuid()))
        .bind(i64::try_from(after).unwrap_or(i64::MAX))
        .bind(i64::from(limit))
        .fetch_all(self.pool())
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
             WHERE organization_id = $1
             ORDER BY id DESC
             LIMIT $2",
        )
        .bind(Id(organization_id.uuid()))
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await
        .map_err(store_error)?;
        let linked: Vec<AuditRow> = sqlx::query_as(
            "SELECT organization_id, position, hash, at, actor, request_id, address, action, subject
             FROM audit
             WHERE organization_id = $1
             ORDER BY position DESC
             LIMIT $2",
        )
        .bind(Id(organization_id.uuid()))
        .bind(i64::from(limit))
        .fetch_all(self.pool())
        .await
        .map_err(store_error)?;
        newest_of(unlinked, linked, limit)
    }
}

/// Keeps an entry, which is linked later: nothing but this transaction waits for it.
pub(crate) async fn keep(
    connection: &mut PgConnection,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO unlinked_audit
             (organization_id, at, actor, request_id, address, action, subject)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Id(entry.organization_id.uuid()))
    .bind(At(entry.at))
    .bind(&entry.actor)
    .bind(Id(entry.request_id.uuid()))
    .bind(&entry.address)
    .bind(&entry.action)
    .bind(&entry.subject)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Takes the oldest entries out that are not linked, in the order in which they were written.
async fn take(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    limit: u32,
) -> Result<Vec<AuditEntry>, StoreError> {
    let rows: Vec<UnlinkedRow> = sqlx::query_as(
        "DELETE FROM unlinked_audit
         WHERE id = ANY (ARRAY(
             SELECT id FROM unlinked_audit WHERE organization_id = $1 ORDER BY id LIMIT $2
         ))
         RETURNING id, organization_id, at, actor, request_id, address, action, subject",
    )
    .bind(Id(organization_id.uuid()))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let mut entries: Vec<(i64, AuditEntry)> =
        rows.into_iter().map(read).collect::<Result<_, _>>()?;
    entries.sort_by_key(|(id, _)| *id);
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

/// Writes links, all of one organization.
async fn insert(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    links: &[LinkedEntry],
) -> Result<(), StoreError> {
    let entries = || links.iter().map(|linked| &linked.entry);
    sqlx::query(
        "INSERT INTO audit
             (organization_id, position, hash, at, actor, request_id, address, action, subject)
         SELECT $1, position, hash, at, actor, request_id, address, action, subject
         FROM unnest($2::bigint[], $3::bytea[], $4::bigint[], $5::text[], $6::uuid[], $7::text[],
                     $8::text[], $9::text[])
             AS link (position, hash, at, actor, request_id, address, action, subject)",
    )
    .bind(Id(organization_id.uuid()))
    .bind(
        links
            .iter()
            .map(|linked| position(linked.link))
            .collect::<Vec<_>>(),
    )
    .bind(
        links
            .iter()
            .map(|linked| linked.link.hash.to_vec())
            .collect::<Vec<_>>(),
    )
    .bind(entries().map(|entry| entry.at.millis()).collect::<Vec<_>>())
    .bind(
        entries()
            .map(|entry| entry.actor.clone())
            .collect::<Vec<_>>(),
    )
    .bind(
        entries()
            .map(|entry| entry.request_id.uuid())
            .collect::<Vec<_>>(),
    )
    .bind(
        entries()
            .map(|entry| entry.address.clone())
            .collect::<Vec<_>>(),
    )
    .bind(
        entries()
            .map(|entry| entry.action.clone())
            .collect::<Vec<_>>(),
    )
    .bind(
        entries()
            .map(|entry| entry.subject.clone())
            .collect::<Vec<_>>(),
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// The number of the lock that chainers of one organization wait for.
fn lock_number(organization_id: OrganizationId) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *organization_id.uuid().as_bytes();
    let [.., i, j, k, l, m, n, o, p] = *organization_id.uuid().as_bytes();
    let halves = [[a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]].map(i64::from_be_bytes);
    // "audit", so that no idempotency key of the organization has the same number but by chance.
    halves[0] ^ halves[1] ^ 0x0061_7564_6974
}
