//! The frame of every change that somebody asks for: done once per idempotency key, and audited.

use sqlx::sqlite::SqliteConnection;
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
use crate::store::SqliteStore;
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

impl SqliteStore {
    /// Takes the write lock and looks the idempotency key up. Two requests with the same key
    /// follow one another here: the second finds the answer of the first.
    pub(crate) async fn begin_write(&self, write: Write) -> Result<Begun, WriteError> {
        let mut transaction = self.begin(write.trace_parent.clone()).await?;
        if let Some(request) = &write.idempotency {
            let organization_id = write.organization.organization_id();
            let at = transaction.at();
            let kept = remembered(
                transaction.connection().await?,
                organization_id,
                request,
                at,
            )
            .await?;
            if let Some(answer) = kept {
                // It is told again only once it is on the disk.
                transaction.commit().await?;
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
    pub(crate) async fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.transaction.connection().await
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
        let organization_id = self.organization_id();
        let at = self.at();
        // What workers and clocks change is told by events.
        if let Some(entry) = audited.and_then(|audited| audited.by_caller(&self.write, at)) {
            audit::keep(&mut self.transaction, &entry);
        }
        if let Some(request) = self.write.idempotency.take() {
            let answer = (request.render)(outcome);
            remember(
                &mut self.transaction,
                organization_id,
                &request,
                &answer,
                at,
            );
        }
        self.transaction.commit().await?;
        Ok(())
    }

    /// As [`Self::commit`], of a deletion.
    pub(crate) async fn commit_deletion(self, audited: Audited) -> Result<Written<()>, WriteError> {
        self.commit(Outcome::Deleted, Some(audited)).await?;
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
        audit::keep(&mut self, &entry);
        self.commit().await
    }
}

async fn remembered(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    request: &IdempotencyRequest,
    at: Timestamp,
) -> Result<Option<KeptAnswer>, WriteError> {
    let row: Option<IdempotencyRow> = sqlx::query_as(
        "SELECT path, body_hash, status, answer
         FROM idempotency
         WHERE organization_id = ? AND method = ? AND path = ? AND key = ? AND expires_at > ?",
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

/// Keeps an answer, in place of a forgotten one of the same key, and takes others away that are
/// forgotten: so their number stays in step without a sweep.
fn remember(
    transaction: &mut Transaction,
    organization_id: OrganizationId,
    request: &IdempotencyRequest,
    answer: &KeptAnswer,
    at: Timestamp,
) {
    transaction
        .then(
            "DELETE FROM idempotency
         WHERE (organization_id, method, path, key) IN (
             SELECT organization_id, method, path, key
             FROM idempotency
             WHERE expires_at <= ?
             ORDER BY expires_at
             LIMIT ? + 0
         )",
        )
        .bind(At(at))
        .bind(FORGOTTEN_AT_ONCE);
    transaction
        .then(
            "INSERT OR REPLACE INTO idempotency
             (organization_id, method, path, key, body_hash, status, answer, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(Id(organization_id.uuid()))
        .bind(&request.method)
        .bind(&request.path)
        .bind(&request.key)
        .bind(&request.body_hash[..])
        .bind(i64::from(answer.status))
        .bind(answer.body.as_bytes())
        .bind(At(at + REMEMBERED_FOR));
}
