//! Saves what a decision changed, whole: the session, the runs with their places, the output, the
//! credential, and an event for each status entered.

use windlass_application::ports::StoreError;
use windlass_application::ports::runs::NewRun;
use windlass_domain::credential::Credential;
use windlass_domain::id::{CredentialId, OrganizationId, RunId};
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
use crate::credentials;
use crate::error::corrupt;
use crate::sessions;
use crate::transaction::Transaction;

/// Saves what a decision over `before` changed, and says where that has led runs that need slots.
pub(super) async fn save(
    transaction: &mut Transaction,
    before: &Loaded,
    changes: &Changes,
) -> Result<Moved, StoreError> {
    if let Some(session) = &changes.session {
        sessions::update(transaction, session);
    }
    let known = by_id(&before.scene.runs);
    let mut moves = Moving::default();
    for run in &changes.runs {
        let known = known.get(&run.id).copied();
        transaction.count_queued(known, run);
        let session = session_after(&before.scene, changes, run.id)?;
        match known {
            Some(known) => update_run(transaction, &mut moves, known, run, session).await?,
            // A start has kept its own run already, but for its place.
            None => moves.add(transaction, None, run, session).await?,
        }
    }
    let moved = moves.make(transaction).await?;
    if let (Some(output), Some(run)) = (&changes.output, changes.runs.first()) {
        keep_output(transaction, run.id, output);
    }
    if let Some(credential) = changes.credential {
        update_credential(transaction, credential);
    }
    if let Some(login) = &changes.login {
        credentials::save_login(transaction, login);
    }
    emit(transaction, before, changes)?;
    Ok(moved)
}

/// Keeps a new run with its session, as a decision over `before` made them.
pub(super) async fn save_start(
    transaction: &mut Transaction,
    before: &mut Loaded,
    changes: &Changes,
    start: &NewRun,
) -> Result<Moved, StoreError> {
    let session = session_after(&before.scene, changes, start.run.id)?;
    let started = changes.runs.iter().find(|run| run.id == start.run.id);
    let run = started.ok_or_else(|| corrupt("run", &start.run.id, &"a start changes its run"))?;
    let trace_parent = transaction.trace_parent().map(str::to_owned);
    if before.scene.session.is_none() {
        sessions::insert(transaction, session);
    }
    insert_run(transaction, run, start, trace_parent);
    before.metadata.insert(run.id, start.metadata.clone());
    save(transaction, before, changes).await
}

fn insert_run(
    transaction: &mut Transaction,
    run: &Run,
    start: &NewRun,
    trace_parent: Option<String>,
) {
    transaction.then(
        "INSERT INTO run
             (id, organization_id, session_id, opened_session, task_id, task_version, agent_id,
              source_id, credential_id, playbook_version, pool, metadata, trace_parent,
              created_at, status, result, state, version, epoch, attempts, losses, runtime_ms,
              finished_epoch, finished_digest, updated_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, ?, ?, ?, ?, NULL, NULL, ?)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(Id(run.session_id.uuid()))
    .bind(run.opened_session)
    .bind(run.task_id.as_str())
    .bind(run.task_version)
    .bind(run.agent_id.as_str())
    .bind(run.source_id.as_ref().map(|id| id.as_str().to_owned()))
    .bind(run.credential_id.map(|id| Id(id.uuid())))
    .bind(run.playbook_version)
    .bind(run.pool.as_str())
    .bind(windlass_records::write(&start.metadata))
    .bind(trace_parent)
    .bind(At(run.created_at))
    .bind(run.status().as_str())
    .bind(windlass_records::write(&RunStateRecord::from(&run.state)))
    .bind(run.version)
    .bind(run.epoch.0)
    .bind(run.attempts)
    .bind(run.losses)
    .bind(millis(run.runtime))
    .bind(At(run.updated_at));
    transaction
        .then("INSERT INTO run_input (run_id, input) VALUES (?, ?)")
        .bind(Id(run.id.uuid()))
        .bind(start.input.as_bytes());
}

/// Saves the next state of a run.
async fn update_run(
    transaction: &mut Transaction,
    moves: &mut Moving,
    before: &Run,
    after: &Run,
    session: &Session,
) -> Result<(), StoreError> {
    match RunChange::of(before, after) {
        RunChange::Nothing => return Ok(()),
        RunChange::Clocks => {
            place::move_clocks(transaction, after);
            return Ok(());
        }
        RunChange::ClocksAndRow => place::move_clocks(transaction, after),
        RunChange::PlaceAndRow => moves.add(transaction, Some(before), after, session).await?,
    }
    update_row(transaction, after);
    if let Some(interaction) = asked(before, after) {
        let (at, message) = (interaction.created_at, &interaction.message);
        attachment::keep_interaction(transaction, after.id, at, message);
    }
    Ok(())
}

fn update_row(transaction: &mut Transaction, run: &Run) {
    transaction
        .then(
            "UPDATE run
         SET status = ?, result = ?, state = ?, version = ?, epoch = ?, attempts = ?, losses = ?,
             runtime_ms = ?, finished_epoch = ?, finished_digest = ?, updated_at = ?
         WHERE id = ? AND organization_id = ?",
        )
        .bind(run.status().as_str())
        .bind(run.status().result().map(Outcome::as_str))
        .bind(windlass_records::write(&RunStateRecord::from(&run.state)))
        .bind(run.version)
        .bind(run.epoch.0)
        .bind(run.attempts)
        .bind(run.losses)
        .bind(millis(run.runtime))
        .bind(run.finished.map(|finished| finished.epoch.0))
        .bind(run.finished.map(|finished| finished.digest.to_vec()))
        .bind(At(run.updated_at))
        .bind(Id(run.id.uuid()))
        .bind(Id(run.organization_id.uuid()));
}

/// Keeps an output; a review may have corrected the one that was there.
fn keep_output(transaction: &mut Transaction, run_id: RunId, output: &serde_json::Value) {
    transaction
        .then(
            "INSERT INTO run_output (run_id, output)
         VALUES (?, ?)
         ON CONFLICT (run_id) DO UPDATE SET output = excluded.output",
        )
        .bind(Id(run_id.uuid()))
        .bind(windlass_records::write(output));
}

fn update_credential(transaction: &mut Transaction, credential: SceneCredential) {
    transaction
        .then("UPDATE credential SET status = ?, updated_at = ? WHERE id = ?")
        .bind(credential.status.as_str())
        .bind(At(credential.updated_at))
        .bind(Id(credential.id.uuid()));
}

/// Keeps an event of each status that was entered, for the commit.
fn emit(
    transaction: &mut Transaction,
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
