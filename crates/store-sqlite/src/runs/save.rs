//! Saves what a decision changed, whole: the session, the runs with their places, the output, the
//! credential, and an event for each status entered.

use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::StoreError;
use windlass_application::ports::runs::NewRun;
use windlass_domain::event::EventData;
use windlass_domain::id::{CredentialId, OrganizationId, RunId, SessionId};
use windlass_domain::lifecycle::{Changes, LifecycleEvent, SceneCredential, Subject};
use windlass_domain::run::{Outcome, Run, RunState};
use windlass_domain::session::Session;
use windlass_records::columns::{At, Id, millis};
use windlass_records::rows::differ_in_clocks_alone;
use windlass_records::{NewEvent, Place, RunFacts, RunStateRecord, SessionFacts};

use super::attachment;
use super::place;
use super::scene::Loaded;
use super::slots::{Moved, Moves};
use crate::credentials;
use crate::error::{corrupt, store_error};
use crate::sessions;
use crate::transaction::Transaction;

/// Saves what a decision over `before` changed, and says where that has led runs that need slots.
pub(super) async fn save(
    transaction: &mut Transaction,
    before: &Loaded,
    changes: &Changes,
) -> Result<Moved, StoreError> {
    if let Some(session) = &changes.session {
        sessions::update(transaction.connection(), session).await?;
    }
    let session = changes.session.as_ref().or(before.scene.session.as_ref());
    let mut moves = Moves::default();
    for run in &changes.runs {
        let known = before.scene.runs.iter().find(|known| known.id == run.id);
        transaction.count_queued(known, run);
        let session = session.ok_or_else(|| no_session(run.id))?;
        match known {
            Some(known) => update_run(transaction, &mut moves, known, run, session).await?,
            // A start has kept its own run already, but for its place.
            None => moves.add(transaction, None, run, session).await?,
        }
    }
    let moved = moves.make(transaction).await?;
    let connection = transaction.connection();
    if let (Some(output), Some(run)) = (&changes.output, changes.runs.first()) {
        keep_output(connection, run.id, output).await?;
    }
    if let Some(credential) = changes.credential {
        update_credential(connection, credential).await?;
    }
    if let Some(login) = &changes.login {
        credentials::save_login(connection, login).await?;
    }
    for event in &changes.events {
        emit(transaction, before, changes, event).await?;
    }
    Ok(moved)
}

/// Keeps a new run with its session, as a decision over `before` made them.
pub(super) async fn save_start(
    transaction: &mut Transaction,
    before: &mut Loaded,
    changes: &Changes,
    start: &NewRun,
) -> Result<Moved, StoreError> {
    let session = changes.session.as_ref().or(before.scene.session.as_ref());
    let session = session.ok_or_else(|| no_session(start.run.id))?;
    let started = changes.runs.iter().find(|run| run.id == start.run.id);
    let run = started.ok_or_else(|| corrupt("run", &start.run.id, &"a start changes its run"))?;
    let trace_parent = transaction.trace_parent().map(str::to_owned);
    let connection = transaction.connection();
    if before.scene.session.is_none() {
        sessions::insert(connection, session).await?;
    }
    insert_run(connection, run, start, trace_parent).await?;
    before.metadata.insert(run.id, start.metadata.clone());
    save(transaction, before, changes).await
}

async fn insert_run(
    connection: &mut SqliteConnection,
    run: &Run,
    start: &NewRun,
    trace_parent: Option<String>,
) -> Result<(), StoreError> {
    sqlx::query(
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
    .bind(At(run.updated_at))
    .execute(&mut *connection)
    .await
    .map_err(store_error)?;
    sqlx::query("INSERT INTO run_input (run_id, input) VALUES (?, ?)")
        .bind(Id(run.id.uuid()))
        .bind(start.input.as_bytes())
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Saves the next state of a run. A touch or a renewal that moved clocks alone writes neither the
/// run's row nor any index.
async fn update_run(
    transaction: &mut Transaction,
    moves: &mut Moves,
    before: &Run,
    after: &Run,
    session: &Session,
) -> Result<(), StoreError> {
    if before == after {
        return Ok(());
    }
    let entered_nothing = before.version == after.version;
    let stays_live =
        Place::of(&before.state) == Place::Live && Place::of(&after.state) == Place::Live;
    if entered_nothing && stays_live {
        place::move_clocks(transaction.connection(), after).await?;
        if differ_in_clocks_alone(before, after) {
            return Ok(());
        }
    } else {
        moves.add(transaction, Some(before), after, session).await?;
    }
    let connection = transaction.connection();
    update_row(connection, after).await?;
    if let RunState::InteractionRequired { interaction, .. } = &after.state
        && !entered_nothing
    {
        let (at, message) = (interaction.created_at, &interaction.message);
        attachment::keep_interaction(connection, after.id, at, message).await?;
    }
    Ok(())
}

async fn update_row(connection: &mut SqliteConnection, run: &Run) -> Result<(), StoreError> {
    sqlx::query(
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
    .bind(Id(run.organization_id.uuid()))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Keeps an output; a review may have corrected the one that was there.
async fn keep_output(
    connection: &mut SqliteConnection,
    run_id: RunId,
    output: &serde_json::Value,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO run_output (run_id, output)
         VALUES (?, ?)
         ON CONFLICT (run_id) DO UPDATE SET output = excluded.output",
    )
    .bind(Id(run_id.uuid()))
    .bind(windlass_records::write(output))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn update_credential(
    connection: &mut SqliteConnection,
    credential: SceneCredential,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE credential SET status = ?, updated_at = ? WHERE id = ?")
        .bind(credential.status.as_str())
        .bind(At(credential.updated_at))
        .bind(Id(credential.id.uuid()))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Keeps the event of a status that was entered, for the commit.
async fn emit(
    transaction: &mut Transaction,
    before: &Loaded,
    changes: &Changes,
    event: &LifecycleEvent,
) -> Result<(), StoreError> {
    let (organization_id, data) = match event.subject {
        Subject::Run {
            run_id,
            version,
            runtime,
        } => {
            let (organization_id, facts) = run_facts(before, changes, run_id)?;
            let summary = facts.summary(event.event_type, event.at, version, runtime);
            let summary = summary.map_err(|error| corrupt("run", &run_id, &error))?;
            (organization_id, EventData::Run(summary))
        }
        Subject::Session {
            session_id,
            version,
            runtime,
        } => {
            let (organization_id, facts) = session_facts(changes, session_id)?;
            let summary = facts.summary(event.event_type, event.at, version, runtime);
            let summary = summary.map_err(|error| corrupt("session", &session_id, &error))?;
            (organization_id, EventData::Session(summary))
        }
        Subject::Credential { credential_id } => {
            credential_data(transaction, before, credential_id).await?
        }
    };
    transaction.emit(NewEvent {
        organization_id,
        event_type: event.event_type,
        at: event.at,
        data,
    });
    Ok(())
}

fn run_facts(
    before: &Loaded,
    changes: &Changes,
    run_id: RunId,
) -> Result<(OrganizationId, RunFacts), StoreError> {
    let run = changes.runs.iter().find(|run| run.id == run_id);
    let run = run.ok_or_else(|| corrupt("run", &run_id, &"a run that enters a status changes"))?;
    let metadata = before.metadata.get(&run_id).cloned().unwrap_or_default();
    Ok((run.organization_id, RunFacts::of(run, metadata)))
}

fn session_facts(
    changes: &Changes,
    session_id: SessionId,
) -> Result<(OrganizationId, SessionFacts), StoreError> {
    let session = changes.session.as_ref();
    let session = session.ok_or_else(|| {
        let rule = "a session that enters a status changes";
        corrupt("session", &session_id, &rule)
    })?;
    Ok((session.organization_id, SessionFacts::of(session)))
}

/// A credential as it is now, after its status was saved.
async fn credential_data(
    transaction: &mut Transaction,
    before: &Loaded,
    credential_id: CredentialId,
) -> Result<(OrganizationId, EventData), StoreError> {
    let gone = || {
        corrupt(
            "credential",
            &credential_id,
            &"a session's credential is kept",
        )
    };
    let session = before.scene.session.as_ref().ok_or_else(gone)?;
    let organization_id = session.organization_id;
    let connection = transaction.connection();
    let credential = credentials::load(connection, organization_id, credential_id).await?;
    let credential = credential.ok_or_else(gone)?;
    Ok((organization_id, EventData::Credential(credential)))
}

fn no_session(run_id: RunId) -> StoreError {
    corrupt("run", &run_id, &"a run has a session")
}
