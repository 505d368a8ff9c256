//! What is kept with a command: a line of the timeline, a file or a screenshot.

use sqlx::postgres::PgConnection;
use windlass_application::ports::StoreError;
use windlass_application::ports::runs::{Attachment, ProgressLine};
use windlass_domain::Timestamp;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::file::StoredFile;
use windlass_domain::id::RunId;
use windlass_domain::run::{Run, Status};
use windlass_records::NewEvent;
use windlass_records::columns::{At, Id};
use windlass_records::rows::{LineKind, MAX_LINES};

use crate::error::store_error;
use crate::files;
use crate::screenshots;
use crate::transaction::Transaction;

/// Keeps what a worker sent with its command. Nothing is kept of a run that is canceled.
pub(super) async fn keep(
    transaction: &mut Transaction,
    run: &Run,
    attachment: Attachment,
) -> Result<(), StoreError> {
    if matches!(run.status(), Status::Canceling | Status::Canceled) {
        return Ok(());
    }
    match attachment {
        Attachment::Progress(lines) => {
            let at = transaction.at();
            keep_lines(
                transaction.connection(),
                run.id,
                at,
                LineKind::Progress,
                &lines,
            )
            .await
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
    let line = ProgressLine {
        message: Some(message.to_owned()),
        step: None,
    };
    keep_lines(connection, run_id, at, LineKind::Interaction, &[line]).await
}

/// Puts lines behind those that there are, as far as there is room for them.
async fn keep_lines(
    connection: &mut PgConnection,
    run_id: RunId,
    at: Timestamp,
    kind: LineKind,
    lines: &[ProgressLine],
) -> Result<(), StoreError> {
    let messages: Vec<Option<&str>> = lines.iter().map(|line| line.message.as_deref()).collect();
    let steps: Vec<Option<i64>> = lines.iter().map(|line| line.step.map(i64::from)).collect();
    sqlx::query(
        "INSERT INTO timeline (run_id, line, at, kind, message, step)
         SELECT $1, next.line + said.number - 1, $2, $3, said.message, said.step
         FROM (SELECT coalesce(max(line), 0) + 1 AS line FROM timeline WHERE run_id = $1) AS next,
              unnest($4, $5) WITH ORDINALITY AS said (message, step, number)
         WHERE next.line + said.number - 1 <= $6",
    )
    .bind(Id(run_id.uuid()))
    .bind(At(at))
    .bind(kind.as_str())
    .bind(messages)
    .bind(steps)
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
            data: EventData::File(file.summary()),
        });
    }
    Ok(())
}
