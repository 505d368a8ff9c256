//! What is kept with a command: a line of the timeline, a file or a screenshot.

use sqlx::postgres::PgConnection;
use windlass_application::ports::StoreError;
use windlass_application::ports::runs::Attachment;
use windlass_domain::Timestamp;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::file::StoredFile;
use windlass_domain::id::RunId;
use windlass_domain::run::{Run, Status};
use windlass_records::NewEvent;
use windlass_records::columns::{At, Count, Id};
use windlass_records::rows::{LineKind, MAX_LINES};

use crate::error::store_error;
use crate::files;
use crate::screenshots;
use crate::transaction::Transaction;

/// Keeps what a worker sent with its command. Nothing is kept of a run that is being canceled.
pub(super) async fn keep(
    transaction: &mut Transaction,
    run: &Run,
    attachment: Attachment,
) -> Result<(), StoreError> {
    if run.status() == Status::Canceling {
        return Ok(());
    }
    match attachment {
        Attachment::Progress { message, step } => {
            let at = transaction.at();
            let line = Line {
                at,
                kind: LineKind::Progress,
                message: message.as_deref(),
                step,
            };
            keep_line(transaction.connection(), run.id, line).await
        }
        Attachment::File(file) => keep_file(transaction, run, file).await,
        Attachment::Screenshot(screenshot) => {
            screenshots::insert(transaction.connection(), run, &screenshot).await
        }
    }
}

/// Notes that a person was asked.
pub(super) async fn keep_interaction(
    connection: &mut PgConnection,
    run_id: RunId,
    at: Timestamp,
    message: &str,
) -> Result<(), StoreError> {
    let line = Line {
        at,
        kind: LineKind::Interaction,
        message: Some(message),
        step: None,
    };
    keep_line(connection, run_id, line).await
}

struct Line<'a> {
    at: Timestamp,
    kind: LineKind,
    message: Option<&'a str>,
    step: Option<u32>,
}

async fn keep_line(
    connection: &mut PgConnection,
    run_id: RunId,
    line: Line<'_>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO timeline (run_id, line, at, kind, message, step)
         SELECT $1, next.line, $2, $3, $4, $5
         FROM (SELECT coalesce(max(line), 0) + 1 AS line FROM timeline WHERE run_id = $1) AS next
         WHERE next.line <= $6",
    )
    .bind(Id(run_id.uuid()))
    .bind(At(line.at))
    .bind(line.kind.as_str())
    .bind(line.message)
    .bind(line.step.map(Count))
    .bind(i64::from(MAX_LINES))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Keeps a file's row. A worker that sends the same file again has it kept once.
async fn keep_file(
    transaction: &mut Transaction,
    run: &Run,
    file: StoredFile,
) -> Result<(), StoreError> {
    if files::insert(transaction.connection(), run, &file).await? {
        let at = transaction.at().max(file.created_at);
        transaction.emit(NewEvent {
            organization_id: run.organization_id,
            event_type: EventType::StorageCreated,
            at,
            data: EventData::File(file),
        });
    }
    Ok(())
}
