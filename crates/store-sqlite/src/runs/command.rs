//! `Runs::command`: one command to one run, with all that follows from it.

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
use crate::error::{corrupt, store_error};
use crate::store::SqliteStore;
use crate::transaction::Transaction;
use crate::workers;
use crate::write::Begun;

pub(super) async fn command(
    store: &SqliteStore,
    write: Write,
    run_id: RunId,
    command: RunCommand,
    attachment: Option<Attachment>,
) -> Result<Written<Commanded>, WriteError> {
    let mut transaction = match store.begin_write(write).await? {
        Begun::Fresh(transaction) => transaction,
        Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
    };
    let organization_id = transaction.organization_id();
    let loaded = Loaded::of_run(&mut transaction.transaction, organization_id, run_id).await?;
    let loaded = loaded.ok_or(WriteError::NotFound)?;
    let audited = Audited::of_run(run_id, &command);
    let metadata = loaded.metadata.get(&run_id).cloned().unwrap_or_default();
    let caller = caller_of(&loaded.scene.runs, run_id, &command);

    let command = Command::Run { run_id, command };
    let changes = loaded
        .command(&mut transaction.transaction, command)
        .await?;
    let run = changes.runs.iter().find(|run| run.id == run_id);
    let run = run.ok_or(Refusal::NotInScene)?.clone();
    let at = transaction.at();
    if let Some(holder) = caller.filter(|holder| !store.noted().is_fresh(*holder, at)) {
        let noted = workers::called(&mut transaction.transaction, holder, at).await?;
        store.noted().set(holder, noted);
    }
    if let Some(attachment) = attachment {
        attachment::keep(&mut transaction.transaction, &run, attachment).await?;
    }

    let commanded = Commanded {
        run: view(&mut transaction.transaction, run, metadata, changes.output).await?,
        signals: changes.signals,
    };
    // A retry that changed nothing is no second change.
    let audited = audited.filter(|_| !changes.events.is_empty());
    transaction
        .commit(Outcome::Run(&commanded.run), audited)
        .await?;
    Ok(Written::Done(commanded))
}

/// The run as its caller sees it, with the output that is kept now, or was before.
async fn view(
    transaction: &mut Transaction,
    run: Run,
    metadata: Metadata,
    kept_now: Option<Value>,
) -> Result<RunView, StoreError> {
    let output = if !shows_output(run.status()) {
        None
    } else if kept_now.is_some() {
        kept_now
    } else {
        let json: Option<String> =
            sqlx::query_scalar("SELECT output FROM run_output WHERE run_id = ?")
                .bind(Id(run.id.uuid()))
                .fetch_optional(transaction.connection().await?)
                .await
                .map_err(store_error)?;
        let output = json.as_deref().map(windlass_records::read).transpose();
        output.map_err(|error| corrupt("run_output", &run.id, &error))?
    };
    Ok(RunView {
        run,
        metadata,
        output,
    })
}
