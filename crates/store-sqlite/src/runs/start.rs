//! `Runs::start`: keeps a new run, and opens its session where it has none.

use rusqlite::params;
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
use crate::connection::Connection;
use crate::credentials;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

pub(super) async fn start(
    store: &SqliteStore,
    write: Write,
    start: NewRun,
) -> Result<Written<Commanded>, WriteError> {
    store
        .write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let mut loaded = scene(transaction, organization_id, &start.run)?;
            refuse_gone(transaction, organization_id, &start)?;
            let caps = transaction.caps();
            let queued = queued(transaction, organization_id)?;
            caps.admit_queued(queued.saturating_add(1))?;

            let command = Command::Start {
                run: Box::new(start.run.clone()),
            };
            let mut changes = loaded.decide(transaction, &command)?;
            let moved = save::save_start(transaction, &mut loaded, &changes, &start)?;
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
            transaction.keep(Outcome::Run(&commanded.run), Some(audited))?;
            Ok(commanded)
        })
        .await
}

/// The scene of the run's session; an empty one where the run opens it.
fn scene(
    transaction: &mut Transaction<'_>,
    organization_id: OrganizationId,
    run: &Run,
) -> Result<Loaded, WriteError> {
    if run.opened_session {
        return Ok(Loaded::empty());
    }
    let loaded = Loaded::load(transaction, run.session_id, None)?;
    loaded
        .filter(|loaded| {
            let session = loaded.scene.session.as_ref();
            session.is_some_and(|session| session.organization_id == organization_id)
        })
        .ok_or(WriteError::NotFound)
}

/// What the run refers to was there when its caller's words were checked; it must be there now.
fn refuse_gone(
    connection: &Connection,
    organization_id: OrganizationId,
    start: &NewRun,
) -> Result<(), WriteError> {
    let gone = |what| Err(WriteError::ReferenceGone { what });
    let run = &start.run;
    let task: Option<At> = connection.value(
        "SELECT created_at FROM task WHERE organization_id = ? AND id = ?",
        params![Id(organization_id.uuid()), run.task_id.as_str()],
    )?;
    // Another one of this id may have been made meanwhile.
    if task.is_none_or(|created_at| created_at.0 != start.task_created_at) {
        return gone(Resource::Task);
    }
    if let Some(source_id) = &run.source_id {
        let source = "SELECT 1 FROM source WHERE organization_id = ? AND id = ?";
        if !exists(connection, source, organization_id, source_id.as_str())? {
            return gone(Resource::Source);
        }
    }
    if let Some(credential_id) = run.credential_id {
        let credential = credentials::load(connection, organization_id, credential_id)?;
        if credential.is_none_or(|credential| credential.status == CredentialStatus::Deleted) {
            return gone(Resource::Credential);
        }
    }
    Ok(())
}

/// How many runs of the organization are queued.
fn queued(connection: &Connection, organization_id: OrganizationId) -> Result<u32, StoreError> {
    let queued: i64 = connection.only_value(
        "SELECT queued FROM organization WHERE id = ?",
        params![Id(organization_id.uuid())],
    )?;
    // A count that is too low lets a start in; it must not stop everything.
    Ok(u32::try_from(queued.max(0)).unwrap_or(u32::MAX))
}

fn exists(
    connection: &Connection,
    query: &'static str,
    organization_id: OrganizationId,
    id: &str,
) -> Result<bool, StoreError> {
    let found: Option<i64> = connection.value(query, params![Id(organization_id.uuid()), id])?;
    Ok(found.is_some())
}
