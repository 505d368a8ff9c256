//! What is kept with a command: a line of the timeline, a file or a screenshot.

use rusqlite::params;
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

use crate::connection::Connection;
use crate::files;
use crate::screenshots;
use crate::transaction::Transaction;

/// Keeps what a worker sent with its command. Nothing is kept of a run that is canceled.
pub(super) fn keep(
    transaction: &mut Transaction<'_>,
    run: &Run,
    attachment: Attachment,
) -> Result<(), StoreError> {
    if matches!(run.status(), Status::Canceling | Status::Canceled) {
        return Ok(());
    }
    match attachment {
        Attachment::Progress(lines) => {
            let at = transaction.at();
            keep_lines(transaction, run.id, at, LineKind::Progress, &lines)
        }
        Attachment::File(file) => keep_file(transaction, run, &file),
        Attachment::Screenshot(screenshot) => screenshots::insert(transaction, run, &screenshot),
    }
}

/// Notes that a person was asked.
pub(super) fn keep_interaction(
    connection: &Connection,
    run_id: RunId,
    at: Timestamp,
    message: &str,
) -> Result<(), StoreError> {
    let line = ProgressLine {
        message: Some(message.to_owned()),
        step: None,
    };
    keep_lines(connection, run_id, at, LineKind::Interaction, &[line])
}

/// Puts lines behind those that there are, as far as there is room for them.
fn keep_lines(
    connection: &Connection,
    run_id: RunId,
    at: Timestamp,
    kind: LineKind,
    lines: &[ProgressLine],
) -> Result<(), StoreError> {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| (&line.message, line.step))
        .collect();
    connection.change(
        "INSERT INTO timeline (run_id, line, at, kind, message, step)
         SELECT next.run_id, next.line + said.key, ?, ?, said.value ->> 0, said.value ->> 1
         FROM (
                  SELECT own.run_id, ifnull(max(timeline.line), 0) + 1 AS line
                  FROM (SELECT ? AS run_id) AS own
                  LEFT JOIN timeline ON timeline.run_id = own.run_id
              ) AS next,
              json_each(?) AS said
         WHERE next.line + said.key <= ?",
        params![
            At(at),
            kind.as_str(),
            Id(run_id.uuid()),
            windlass_records::write(&lines),
            MAX_LINES
        ],
    )?;
    Ok(())
}

/// Keeps a file's row. A worker that sends the same file again has it kept once.
fn keep_file(
    transaction: &mut Transaction<'_>,
    run: &Run,
    file: &StoredFile,
) -> Result<(), StoreError> {
    if files::insert(transaction, run, file)? {
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
