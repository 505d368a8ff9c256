//! The frame of every change that somebody asks for: done once per idempotency key, and audited.

use sha2::{Digest, Sha256};
use sqlx::postgres::PgConnection;
use windlass_application::ports::{StoreError, WriteError};
use windlass_application::{IdempotencyRequest, KeptAnswer, Operator, Outcome, Write, Written};
use windlass_domain::Timestamp;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::OrganizationId;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{FORGOTTEN_AT_ONCE, IdempotencyRow, REMEMBERED_FOR};
use windlass_records::{Audited, NewEvent};

use crate::audit;
use crate::error::{read, store_error};
use crate::event_log;
use crate::open::Role;
use crate::store::PostgresStore;
use crate::transaction::Transaction;

/// How a write begins.
pub(crate) enum Begun {
    /// It is to be done now.
    Fresh(Box<WriteTransaction>),
    /// A request with the same idempotency key did it.
    Replayed(KeptAnswer),
}

/// The transaction of a change that somebody asks for.
pub(crate) struct WriteTransaction {
    /// For what is shared with the changes that nobody asks for.
    pub(crate) transaction: Transaction,
    write: Write,
}

impl PostgresStore {
    /// Begins a change of what a caller set up, under the tenant's role.
    pub(crate) async fn begin_write(&self, write: Write) -> Result<Begun, WriteError> {
        let role = Role::Tenant(write.organization);
        self.begin_write_as(role, write).await
    }

    /// Begins a change under this role and looks the idempotency key up. Two requests with the
    /// same key follow one another here: the second finds the answer of the first.
    pub(crate) async fn begin_write_as(
        &self,
        role: Role,
        write: Write,
    ) -> Result<Begun, WriteError> {
        let organization_id = write.organization.organization_id();
        let request = write.idempotency.as_ref();
        let lock = request.map(|request| lock_number(organization_id, request));
        let trace_parent = write.trace_parent.clone();
        let mut transaction = self.begin_as(role, lock, trace_parent).await?;
        if let Some(request) = request {
            let at = transaction.at();
            let kept = remembered(transaction.connection(), organization_id, request, at).await?;
            if let Some(answer) = kept {
                return Ok(Begun::Replayed(answer));
            }
        }
        Ok(Begun::Fresh(Box::new(WriteTransaction {
            transaction,
            write,
        })))
    }
}

impl WriteTransaction {
    /// Where statements of this transaction go.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.transaction.connection()
    }

    /// The moment of this transaction.
    pub(crate) fn at(&self) -> Timestamp {
        self.transaction.at()
    }

    /// Whose rows it may touch.
    pub(crate) fn organization_id(&self) -> OrganizationId {
        self.write.organization.organization_id()
    }

    /// Keeps an event of the organization for the commit.
    pub(crate) fn emit(&mut self, event_type: EventType, at: Timestamp, data: EventData) {
        let organization_id = self.organization_id();
        self.transaction.emit(NewEvent {
            organization_id,
            event_type,
            at,
            data,
        });
    }

    /// Keeps the answer under its idempotency key and the change in the audit, and makes all of
    /// it true. `audited` is None where nothing changed.
    pub(crate) async fn commit(
        mut self,
        outcome: Outcome<'_>,
        audited: Option<Audited>,
    ) -> Result<(), WriteError> {
        self.keep(outcome, audited).await?;
        Ok(self.transaction.commit().await?)
    }

    /// As [`Self::commit`], of a start.
    pub(crate) async fn commit_start(
        mut self,
        outcome: Outcome<'_>,
        audited: Audited,
    ) -> Result<(), WriteError> {
        self.keep(outcome, Some(audited)).await?;
        let organization_id = self.organization_id();
        self.transaction.commit_start(organization_id).await
    }

    async fn keep(
        &mut self,
        outcome: Outcome<'_>,
        audited: Option<Audited>,
    ) -> Result<(), StoreError> {
        let organization_id = self.organization_id();
        let at = self.at();
        // What workers and clocks change is told by events.
        if let Some(entry) = audited.and_then(|audited| audited.by_caller(&self.write, at)) {
            audit::keep(self.connection(), &entry).await?;
        }
        if let Some(request) = self.write.idempotency.take() {
            let answer = (request.render)(outcome);
            remember(self.connection(), organization_id, &request, &answer, at).await?;
        }
        Ok(())
    }

    /// As [`Self::commit`], of a deletion.
    pub(crate) async fn commit_deletion(self, audited: Audited) -> Result<Written<()>, WriteError> {
        self.commit(Outcome::Deleted, Some(audited)).await?;
        Ok(Written::Done(()))
    }

    /// As [`Self::commit_deletion`], between two transactions that write events of the organization:
    /// those who wrote before have committed, those who write later see what is gone.
    pub(crate) async fn commit_deletion_between_events(
        mut self,
        audited: Audited,
    ) -> Result<Written<()>, WriteError> {
        self.keep(Outcome::Deleted, Some(audited)).await?;
        let organization_id = self.organization_id();
        event_log::hold_counter(self.connection(), organization_id).await?;
        self.transaction.commit().await?;
        Ok(Written::Done(()))
    }
}

impl Transaction {
    /// Keeps a change of an organization by an operator in the audit, and makes all of it true.
    pub(crate) async fn commit_by_operator(
        mut self,
        operator: &Operator,
        organization_id: OrganizationId,
        audited: Audited,
    ) -> Result<(), StoreError> {
        let at = self.at();
        let entry = audited.by_operator(operator, organization_id, at);
        audit::keep(self.connection(), &entry).await?;
        self.commit().await
    }
}

/// The number of the lock that requests with one idempotency key wait for. Two keys of one number
/// would only wait for each other.
fn lock_number(organization_id: OrganizationId, request: &IdempotencyRequest) -> i64 {
    let mut digest = Sha256::new();
    digest.update(organization_id.uuid().as_bytes());
    for part in [&request.method, &request.path, &request.key] {
        digest.update(part.as_bytes());
        // No part holds it, so that two requests never have the same bytes.
        digest.update([0]);
    }
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(digest.finalize());
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

async fn remembered(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    request: &IdempotencyRequest,
    at: Timestamp,
) -> Result<Option<KeptAnswer>, WriteError> {
    let row: Option<IdempotencyRow> = sqlx::query_as(
        "SELECT path, body_hash, status, answer
         FROM idempotency
         WHERE organization_id = $1 AND method = $2 AND path = $3 AND key = $4
           AND expires_at > $5",
    )
    .bind(Id(organization_id.uuid()))
    .bind(&request.method)
    .bind(&request.path)
    .bind(&request.key)
    .bind(At(at))
    .fetch_optional(connection)
    .await
    .map_err(store_error)?;
    let remembered = row.map(read).transpose()?;
    remembered.map(|it| it.answer_to(request)).transpose()
}

/// Keeps an answer, in place of a forgotten one of the same key, and takes others of the
/// organization away that are forgotten: so their number stays in step without a sweep. Its own
/// first: whoever takes others away waits for nobody any more.
async fn remember(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    request: &IdempotencyRequest,
    answer: &KeptAnswer,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO idempotency
             (organization_id, method, path, key, body_hash, status, answer, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (organization_id, method, path, key) DO UPDATE
         SET body_hash = excluded.body_hash, status = excluded.status, answer = excluded.answer,
             expires_at = excluded.expires_at",
    )
    .bind(Id(organization_id.uuid()))
    .bind(&request.method)
    .bind(&request.path)
    .bind(&request.key)
    .bind(&request.body_hash[..])
    .bind(i64::from(answer.status))
    .bind(answer.body.as_bytes())
    .bind(At(at + REMEMBERED_FOR))
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query(
        "WITH forgotten AS MATERIALIZED (
             SELECT method, path, key
             FROM idempotency
             WHERE organization_id = $1 AND expires_at <= $2
             ORDER BY expires_at
             LIMIT $3
             FOR UPDATE SKIP LOCKED
         )
         DELETE FROM idempotency
         USING forgotten
         WHERE idempotency.organization_id = $1 AND idempotency.method = forgotten.method
           AND idempotency.path = forgotten.path AND idempotency.key = forgotten.key",
    )
    .bind(Id(organization_id.uuid()))
    .bind(At(at))
    .bind(FORGOTTEN_AT_ONCE)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
