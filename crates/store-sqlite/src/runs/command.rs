//! `Runs::command`: one command to one run, with all that follows from it.

use std::sync::Arc;

use rusqlite::params;
use serde_json::Value;
use windlass_application::ports::runs::{Attachment, Commanded, RunView};
use windlass_application::ports::{StoreError, WriteError};
use windlass_application::{Outcome, Write, Written};
use windlass_domain::id::RunId;
use windlass_domain::lifecycle::Command;
use windlass_domain::run::{Metadata, Refusal, Run, RunCommand};
use windlass_records::columns::Id;
use windlass_records::rows::shows_output;
use windlass_records::{Audited, caller_of};

use super::attachment;
use super::scene::Loaded;
use crate::connection::Connection;
use crate::error::corrupt;
use crate::store::SqliteStore;
use crate::workers;

pub(super) async fn command(
    store: &SqliteStore,
    write: Write,
    run_id: RunId,
    command: RunCommand,
    attachment: Option<Attachment>,
) -> Result<Written<Commanded>, WriteError> {
    let noted = Arc::clone(store.noted());
    store
        .write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let loaded = Loaded::of_run(transaction, organization_id, run_id)?;
            let loaded = loaded.ok_or(WriteError::NotFound)?;
            let audited = Audited::of_run(run_id, &command);
            let metadata = loaded.metadata.get(&run_id).cloned().unwrap_or_default();
            let caller = caller_of(&loaded.scene.runs, run_id, &command);

            let command = Command::Run { run_id, command };
            let changes = loaded.command(transaction, &command)?;
            let run = changes.runs.iter().find(|run| run.id == run_id);
            let run = run.ok_or(Refusal::NotInScene)?.clone();
            let at = transaction.at();
            if let Some(holder) = caller.filter(|holder| !noted.is_fresh(*holder, at)) {
                let since = workers::called(transaction, holder, at)?;
                noted.set(holder, since);
            }
            if let Some(attachment) = attachment {
                attachment::keep(transaction, &run, attachment)?;
            }

            let commanded = Commanded {
                run: view(transaction, run, metadata, changes.output)?,
                signals: changes.signals,
            };
            // A retry that changed nothing is no second change.
            let audited = audited.filter(|_| !changes.events.is_empty());
            transaction.keep(Outcome::Run(&commanded.run), audited)?;
            Ok(commanded)
        })
        .await
}

/// The run as its caller sees it, with the output that is kept now, or was before.
fn view(
    connection: &Connection,
    run: Run,
    metadata: Metadata,
    kept_now: Option<Value>,
) -> Result<RunView, StoreError> {
    let output = if !shows_output(run.status()) {
        None
    } else if kept_now.is_some() {
        kept_now
    } else {
        let json: Option<String> = connection.value(
            "SELECT output FROM run_output WHERE run_id = ?",
            params![Id(run.id.uuid())],
        )?;
        let output = json.as_deref().map(windlass_records::read).transpose();
        output.map_err(|error| corrupt("run_output", &run.id, &error))?
    };
    Ok(RunView {
        run,
        metadata,
        output,
    })
}
