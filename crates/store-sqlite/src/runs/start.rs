//! `Runs::start`: keeps a new run, and opens its session where it has none.

use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::runs::{Commanded, NewRun, RunView};
use windlass_application::ports::{StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{Outcome, Write, Written};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::id::OrganizationId;
use windlass_domain::lifecycle::Command;
use windlass_domain::run::{Refusal, Run};
use windlass_records::Audited;
use windlass_records::columns::{At, Id};

use super::save;
use super::scene::Loaded;
use crate::credentials;
use crate::error::store_error;
use crate::store::SqliteStore;
use crate::transaction::Transaction;
use crate::write::Begun;

pub(super) async fn start(
    store: &SqliteStore,
    write: Write,
    start: NewRun,
) -> Result<Written<Commanded>, WriteError> {
    let mut transaction = match store.begin_write(write).await? {
        Begun::Fresh(transaction) => transaction,
        Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
    };
    let organization_id = transaction.organization_id();
    let mut loaded = scene(&mut transaction.transaction, organization_id, &start.run).await?;
    refuse_gone(transaction.connection().await?, organization_id, &start).await?;
    let caps = transaction.transaction.caps();
    let queued = queued(transaction.connection().await?, organization_id).await?;
    caps.admit_queued(queued.saturating_add(1))?;

    let command = Command::Start {
        run: Box::new(start.run.clone()),
    };
    let mut changes = loaded.decide(&mut transaction.transaction, command).await?;
    let moved =
        save::save_start(&mut transaction.transaction, &mut loaded, &changes, &start).await?;
    if let Some(slot) = moved.waiting.get(&start.run.id) {
        caps.admit_waiting(*slot)?;
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
        .commit(Outcome::Run(&commanded.run), Some(audited))
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
    let loaded = Loaded::load(transaction, run.session_id, None).await?;
    loaded
        .filter(|loaded| {
            let session = loaded.scene.session.as_ref();
            session.is_some_and(|session| session.organization_id == organization_id)
        })
        .ok_or(WriteError::NotFound)
}

/// What the run refers to was there when its caller's words were checked; it must be there now.
async fn refuse_gone(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
    start: &NewRun,
) -> Result<(), WriteError> {
    let gone = |what| Err(WriteError::ReferenceGone { what });
    let run = &start.run;
    let task: Option<At> =
        sqlx::query_scalar("SELECT created_at FROM task WHERE organization_id = ? AND id = ?")
            .bind(Id(organization_id.uuid()))
            .bind(run.task_id.as_str())
            .fetch_optional(&mut *connection)
            .await
            .map_err(store_error)?;
    // Another one of this id may have been made meanwhile.
    if task.is_none_or(|created_at| created_at.0 != start.task_created_at) {
        return gone(Resource::Task);
    }
    if let Some(source_id) = &run.source_id {
        let source = "SELECT 1 FROM source WHERE organization_id = ? AND id = ?";
        if !exists(connection, source, organization_id, source_id.as_str()).await? {
            return gone(Resource::Source);
        }
    }
    if let Some(credential_id) = run.credential_id {
        let credential = credentials::load(connection, organization_id, credential_id).await?;
        if credential.is_none_or(|credential| credential.status == CredentialStatus::Deleted) {
            return gone(Resource::Credential);
        }
    }
    Ok(())
}

/// How many runs of the organization are queued.
async fn queued(
    connection: &mut SqliteConnection,
    organization_id: OrganizationId,
) -> Result<u32, StoreError> {
    let queued: i64 = sqlx::query_scalar("SELECT queued FROM organization WHERE id = ?")
        .bind(Id(organization_id.uuid()))
        .fetch_one(connection)
        .await
        .map_err(store_error)?;
    // A count that is too low lets a start in; it must not stop everything.
    Ok(u32::try_from(queued.max(0)).unwrap_or(u32::MAX))
}

async fn exists(
    connection: &mut SqliteConnection,
    query: &'static str,
    organization_id: OrganizationId,
    id: &str,
) -> Result<bool, StoreError> {
    let found: Option<i64> = sqlx::query_scalar(query)
        .bind(Id(organization_id.uuid()))
        .bind(id)
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
    Ok(found.is_some())
}
