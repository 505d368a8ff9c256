//! `Runs::start`: keeps a new run, and opens its session where it has none.

use sqlx::postgres::PgConnection;
use windlass_application::ports::WriteError;
use windlass_application::ports::runs::{Commanded, NewRun, RunView};
use windlass_application::problem::Resource;
use windlass_application::{Outcome, Write, Written};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::id::OrganizationId;
use windlass_domain::lifecycle::Command;
use windlass_domain::run::{Refusal, Run};
use windlass_records::Audited;

use super::save;
use super::scene::Loaded;
use crate::open::Role;
use crate::store::PostgresStore;
use crate::transaction::Transaction;
use crate::write::Begun;
use crate::{credentials, sources, tasks};

pub(super) async fn start(
    store: &PostgresStore,
    write: Write,
    start: NewRun,
) -> Result<Written<Commanded>, WriteError> {
    let mut transaction = match store.begin_write_as(Role::Owner, write).await? {
        Begun::Fresh(transaction) => transaction,
        Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
    };
    let organization_id = transaction.organization_id();
    let mut loaded = scene(&mut transaction.transaction, organization_id, &start.run).await?;
    hold_references(transaction.connection(), organization_id, &start).await?;

    let command = Command::Start {
        run: Box::new(start.run.clone()),
    };
    let mut changes = loaded.decide(&mut transaction.transaction, command).await?;
    let moved =
        save::save_start(&mut transaction.transaction, &mut loaded, &changes, &start).await?;
    if let Some(slot) = moved.waiting.get(&start.run.id) {
        transaction.transaction.caps().admit_waiting(*slot)?;
    }
    moved.tell(&mut changes.signals);

    let run = changes.runs.into_iter().find(|run| run.id == start.run.id);
    let commanded = Commanded {
        run: RunView {
            run: run.ok_or(Refusal::NotInScene)?,
            metadata: start.metadata,
            output: None,
        },
        signals: changes.signals,
    };
    let audited = Audited::new("task_run.start", &commanded.run.run.id);
    transaction
        .commit_start(Outcome::Run(&commanded.run), audited)
        .await?;
    Ok(Written::Done(commanded))
}

/// The scene of the run's session; an empty one where the run opens it.
async fn scene(
    transaction: &mut Transaction,
    organization_id: OrganizationId,
    run: &Run,
) -> Result<Loaded, WriteError> {
    if run.opened_session {
        return Ok(Loaded::empty());
    }
    let loaded = Loaded::load(transaction, run.session_id).await?;
    loaded
        .filter(|loaded| loaded.is_of(organization_id))
        .ok_or(WriteError::NotFound)
}

/// What the run refers to was there when its caller's words were checked; it must be there now,
/// and until the run can be seen. A credential may be deleted at any time.
async fn hold_references(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    start: &NewRun,
) -> Result<(), WriteError> {
    let run = &start.run;
    tasks::hold(
        connection,
        organization_id,
        &run.task_id,
        start.task_created_at,
    )
    .await?;
    if let Some(source_id) = &run.source_id {
        sources::hold(connection, organization_id, source_id).await?;
    }
    if let Some(credential_id) = run.credential_id {
        let credential = credentials::load(connection, organization_id, credential_id).await?;
        if credential.is_none_or(|credential| credential.status == CredentialStatus::Deleted) {
            return Err(WriteError::ReferenceGone {
                what: Resource::Credential,
            });
        }
    }
    Ok(())
}
