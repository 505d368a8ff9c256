//! The frame of every change that somebody asks for: done once per idempotency key, and audited.

use std::ops::{Deref, DerefMut};

use rusqlite::params;
use windlass_application::ports::{StoreError, WriteError};
use windlass_application::{IdempotencyRequest, KeptAnswer, Operator, Outcome, Write, Written};
use windlass_domain::Timestamp;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::OrganizationId;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{FORGOTTEN_AT_ONCE, IdempotencyRow, REMEMBERED_FOR};
use windlass_records::{Audited, NewEvent};

use crate::audit;
use crate::connection::Connection;
use crate::error::read;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

/// A change that somebody asks for.
pub(crate) struct WriteTransaction<'transaction, 'connection> {
    transaction: &'transaction mut Transaction<'connection>,
    write: Write,
}

impl SqliteStore {
    /// Makes a change that somebody asks for, which says what is kept of it by
    /// [`WriteTransaction::keep`]; or answers as a request with the same idempotency key was answered.
    /// Two such requests follow one another here: the second finds the answer of the first.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        write: Write,
        change: impl FnOnce(&mut WriteTransaction<'_, '_>) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<Written<T>, WriteError> {
        self.change(write.trace_parent.clone(), move |transaction| {
            if let Some(request) = &write.idempotency {
                let organization_id = write.organization.organization_id();
                let at = transaction.at();
                if let Some(answer) = remembered(transaction, organization_id, request, at)? {
                    return Ok(Written::Replayed(answer));
                }
            }
            let mut transaction = WriteTransaction { transaction, write };
            change(&mut transaction).map(Written::Done)
        })
        .await
    }
}

impl<'connection> Deref for WriteTransaction<'_, 'connection> {
    type Target = Transaction<'connection>;

    fn deref(&self) -> &Transaction<'connection> {
        self.transaction
    }
}

impl DerefMut for WriteTransaction<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.transaction
    }
}

impl WriteTransaction<'_, '_> {
    /// Whose rows it may touch.
    pub(crate) fn organization_id(&self) -> OrganizationId {
        self.write.organization.organization_id()
    }

    /// Keeps an event of the organization for the end.
    pub(crate) fn tell(&mut self, event_type: EventType, at: Timestamp, data: EventData) {
        let organization_id = self.organization_id();
        self.emit(NewEvent {
            organization_id,
            event_type,
            at,
            data,
        });
    }

    /// Keeps the answer under its idempotency key and the change in the audit. `audited` is None where
    /// nothing changed. The last step of a change.
    pub(crate) fn keep(
        &mut self,
        outcome: Outcome<'_>,
        audited: Option<Audited>,
    ) -> Result<(), WriteError> {
        let organization_id = self.organization_id();
        let at = self.at();
        // What workers and clocks change is told by events.
        if let Some(entry) = audited.and_then(|audited| audited.by_caller(&self.write, at)) {
            audit::keep(self.transaction, &entry)?;
        }
        if let Some(request) = self.write.idempotency.take() {
            let answer = (request.render)(outcome);
            remember(self.transaction, organization_id, &request, &answer, at)?;
        }
        Ok(())
    }

    /// As [`Self::keep`], of a deletion.
    pub(crate) fn keep_deletion(&mut self, audited: Audited) -> Result<(), WriteError> {
        self.keep(Outcome::Deleted, Some(audited))
    }
}

impl Transaction<'_> {
    /// Keeps a change of an organization by an operator in the audit.
    pub(crate) fn keep_by_operator(
        &self,
        operator: &Operator,
        organization_id: OrganizationId,
        audited: Audited,
    ) -> Result<(), StoreError> {
        let entry = audited.by_operator(operator, organization_id, self.at());
        audit::keep(self, &entry)
    }
}

fn remembered(
    connection: &Connection,
    organization_id: OrganizationId,
    request: &IdempotencyRequest,
    at: Timestamp,
) -> Result<Option<KeptAnswer>, WriteError> {
    let row: Option<IdempotencyRow> = connection.row(
        "SELECT path, body_hash, status, answer
         FROM idempotency
         WHERE organization_id = ? AND method = ? AND path = ? AND key = ? AND expires_at > ?",
        params![
            Id(organization_id.uuid()),
            request.method,
            request.path,
            request.key,
            At(at)
        ],
    )?;
    let remembered = row.map(read).transpose()?;
    remembered.map(|it| it.answer_to(request)).transpose()
}

/// Keeps an answer, in place of a forgotten one of the same key, and takes others away that are
/// forgotten: so their number stays in step without a sweep.
fn remember(
    connection: &Connection,
    organization_id: OrganizationId,
    request: &IdempotencyRequest,
    answer: &KeptAnswer,
    at: Timestamp,
) -> Result<(), StoreError> {
    connection.change(
        "DELETE FROM idempotency
         WHERE (organization_id, method, path, key) IN (
             SELECT organization_id, method, path, key
             FROM idempotency
             WHERE expires_at <= ?
             ORDER BY expires_at
             LIMIT ? + 0
         )",
        params![At(at), FORGOTTEN_AT_ONCE],
    )?;
    connection.change(
        "INSERT OR REPLACE INTO idempotency
             (organization_id, method, path, key, body_hash, status, answer, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(organization_id.uuid()),
            request.method,
            request.path,
            request.key,
            request.body_hash,
            answer.status,
            answer.body.as_bytes(),
            At(at + REMEMBERED_FOR)
        ],
    )?;
    Ok(())
}
