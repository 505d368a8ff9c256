//! `Runs::command`: one command to one run, with all that follows from it.

use sqlx::postgres::PgConnection;
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
use crate::open::Role;
use crate::store::PostgresStore;
use crate::write::Begun;

pub(super) async fn command(
    store: &PostgresStore,
    write: Write,
    run_id: RunId,
    command: RunCommand,
    attachment: Option<Attachment>,
) -> Result<Written<Commanded>, WriteError> {
    let mut transaction = match store.begin_write_as(Role::Owner, write).await? {
        Begun::Fresh(transaction) => transaction,
        Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
    };
    let organization_id = transaction.organization_id();
    let loaded = Loaded::load_of_run(&mut transaction.transaction, organization_id, run_id).await?;
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
    if let Some(attachment) = attachment {
        attachment::keep(&mut transaction.transaction, &run, attachment).await?;
    }

    let commanded = Commanded {
        run: view(transaction.connection(), run, metadata).await?,
        signals: changes.signals,
    };
    // A retry that changed nothing is no second change.
    let audited = audited.filter(|_| !changes.events.is_empty());
    transaction
        .commit(Outcome::Run(&commanded.run), audited)
        .await?;
    if let Some(holder) = caller {
        store.note_call(holder).await;
    }
    Ok(Written::Done(commanded))
}

/// The run as its caller sees it, with the output that was kept.
async fn view(
    connection: &mut PgConnection,
    run: Run,
    metadata: Metadata,
) -> Result<RunView, StoreError> {
    let output = if shows_output(run.status()) {
        let json: Option<String> =
            sqlx::query_scalar("SELECT output FROM run_output WHERE run_id = $1")
                .bind(Id(run.id.uuid()))
                .fetch_optional(connection)
                .await
                .map_err(store_error)?;
        let output = json.as_deref().map(windlass_records::read).transpose();
        output.map_err(|error| corrupt("run_output", &run.id, &error))?
    } else {
        None
    };
    Ok(RunView {
        run,
        metadata,
        output,
    })
}
