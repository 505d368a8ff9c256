//! Saves what a decision changed, whole: the session, the runs with their places, the output, the
//! credential, and an event for each status entered.

use rusqlite::params;
use windlass_application::ports::StoreError;
use windlass_application::ports::runs::NewRun;
use windlass_domain::credential::Credential;
use windlass_domain::id::{CredentialId, OrganizationId, RunId, SourceId};
use windlass_domain::lifecycle::{Changes, SceneCredential};
use windlass_domain::run::{Outcome, Run};
use windlass_domain::session::Session;
use windlass_records::columns::{At, Id, millis};
use windlass_records::{
    EnteredStatuses, Moved, RunChange, RunStateRecord, asked, by_id, credential_told, session_after,
};

use super::attachment;
use super::place;
use super::scene::Loaded;
use super::slots::Moving;
use crate::connection::Connection;
use crate::credentials;
use crate::error::corrupt;
use crate::sessions;
use crate::transaction::Transaction;

/// Saves what a decision over `before` changed, and says where that has led runs that need slots.
pub(super) fn save(
    transaction: &mut Transaction<'_>,
    before: &Loaded,
    changes: &Changes,
) -> Result<Moved, StoreError> {
    if let Some(session) = &changes.session {
        sessions::update(transaction, session)?;
    }
    let known = by_id(&before.scene.runs);
    let mut moves = Moving::default();
    for run in &changes.runs {
        let known = known.get(&run.id).copied();
        transaction.count_queued(known, run);
        let session = session_after(&before.scene, changes, run.id)?;
        match known {
            Some(known) => update_run(transaction, &mut moves, known, run, session)?,
            // A start has kept its own run already, but for its place.
            None => moves.add(transaction, None, run, session)?,
        }
    }
    let moved = moves.make(transaction)?;
    if let (Some(output), Some(run)) = (&changes.output, changes.runs.first()) {
        keep_output(transaction, run.id, output)?;
    }
    if let Some(credential) = changes.credential {
        update_credential(transaction, credential)?;
    }
    if let Some(login) = &changes.login {
        credentials::save_login(transaction, login)?;
    }
    emit(transaction, before, changes)?;
    Ok(moved)
}

/// Keeps a new run with its session, as a decision over `before` made them.
pub(super) fn save_start(
    transaction: &mut Transaction<'_>,
    before: &mut Loaded,
    changes: &Changes,
    start: &NewRun,
) -> Result<Moved, StoreError> {
    let session = session_after(&before.scene, changes, start.run.id)?;
    let started = changes.runs.iter().find(|run| run.id == start.run.id);
    let run = started.ok_or_else(|| corrupt("run", &start.run.id, &"a start changes its run"))?;
    if before.scene.session.is_none() {
        sessions::insert(transaction, session)?;
    }
    insert_run(transaction, run, start)?;
    before.metadata.insert(run.id, start.metadata.clone());
    save(transaction, before, changes)
}

fn insert_run(
    transaction: &mut Transaction<'_>,
    run: &Run,
    start: &NewRun,
) -> Result<(), StoreError> {
    transaction.change(
        "INSERT INTO run
             (id, organization_id, session_id, opened_session, task_id, task_version, agent_id,
              source_id, credential_id, playbook_version, pool, metadata, trace_parent,
              created_at, status, result, state, version, epoch, attempts, losses, runtime_ms,
              finished_epoch, finished_digest, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, NULL, NULL,
                 ?)",
        params![
            Id(run.id.uuid()),
            Id(run.organization_id.uuid()),
            Id(run.session_id.uuid()),
            run.opened_session,
            run.task_id.as_str(),
            run.task_version,
            run.agent_id.as_str(),
            run.source_id.as_ref().map(SourceId::as_str),
            run.credential_id.map(|id| Id(id.uuid())),
            run.playbook_version,
            run.pool.as_str(),
            windlass_records::write(&start.metadata),
            transaction.trace_parent(),
            At(run.created_at),
            run.status().as_str(),
            windlass_records::write(&RunStateRecord::from(&run.state)),
            run.version,
            run.epoch.0,
            run.attempts,
            run.losses,
            millis(run.runtime),
            At(run.updated_at),
        ],
    )?;
    transaction.change(
        "INSERT INTO run_input (run_id, input) VALUES (?, ?)",
        params![Id(run.id.uuid()), start.input.as_bytes()],
    )?;
    Ok(())
}

/// Saves the next state of a run.
fn update_run(
    transaction: &mut Transaction<'_>,
    moves: &mut Moving,
    before: &Run,
    after: &Run,
    session: &Session,
) -> Result<(), StoreError> {
    match RunChange::of(before, after) {
        RunChange::Nothing => return Ok(()),
        RunChange::Clocks => return place::move_clocks(transaction, after),
        RunChange::ClocksAndRow => place::move_clocks(transaction, after)?,
        RunChange::PlaceAndRow => moves.add(transaction, Some(before), after, session)?,
    }
    update_row(transaction, after)?;
    if let Some(interaction) = asked(before, after) {
        let (at, message) = (interaction.created_at, &interaction.message);
        attachment::keep_interaction(transaction, after.id, at, message)?;
    }
    Ok(())
}

fn update_row(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    connection.change(
        "UPDATE run
         SET status = ?, result = ?, state = ?, version = ?, epoch = ?, attempts = ?, losses = ?,
             runtime_ms = ?, finished_epoch = ?, finished_digest = ?, updated_at = ?
         WHERE id = ? AND organization_id = ?",
        params![
            run.status().as_str(),
            run.status().result().map(Outcome::as_str),
            windlass_records::write(&RunStateRecord::from(&run.state)),
            run.version,
            run.epoch.0,
            run.attempts,
            run.losses,
            millis(run.runtime),
            run.finished.map(|finished| finished.epoch.0),
            run.finished.map(|finished| finished.digest),
            At(run.updated_at),
            Id(run.id.uuid()),
            Id(run.organization_id.uuid())
        ],
    )?;
    Ok(())
}

/// Keeps an output; a review may have corrected the one that was there.
fn keep_output(
    connection: &Connection,
    run_id: RunId,
    output: &serde_json::Value,
) -> Result<(), StoreError> {
    connection.change(
        "INSERT INTO run_output (run_id, output)
         VALUES (?, ?)
         ON CONFLICT (run_id) DO UPDATE SET output = excluded.output",
        params![Id(run_id.uuid()), windlass_records::write(output)],
    )?;
    Ok(())
}

fn update_credential(
    connection: &Connection,
    credential: SceneCredential,
) -> Result<(), StoreError> {
    connection.change(
        "UPDATE credential SET status = ?, updated_at = ? WHERE id = ?",
        params![
            credential.status.as_str(),
            At(credential.updated_at),
            Id(credential.id.uuid())
        ],
    )?;
    Ok(())
}

/// Keeps an event of each status that was entered, for the end.
fn emit(
    transaction: &mut Transaction<'_>,
    before: &Loaded,
    changes: &Changes,
) -> Result<(), StoreError> {
    let entered = EnteredStatuses {
        changes,
        metadata: &before.metadata,
        credential: credential_told(changes).and_then(|id| saved_credential(before, changes, id)),
    };
    for event in entered.events()? {
        transaction.emit(event);
    }
    Ok(())
}

/// The credential of the scene as it is once its status is saved, with whose it is.
fn saved_credential(
    before: &Loaded,
    changes: &Changes,
    credential_id: CredentialId,
) -> Option<(OrganizationId, Credential)> {
    let session = before.scene.session.as_ref()?;
    let known = before.credential.as_ref()?;
    let mut credential = known.clone();
    if let Some(saved) = changes.credential {
        credential.status = saved.status;
        credential.updated_at = saved.updated_at;
    }
    (credential.id == credential_id).then_some((session.organization_id, credential))
}
