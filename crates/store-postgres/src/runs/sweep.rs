//! `Runs::sweep`: acts on the clocks that have run out. Source: docs/lifecycle.md, "Clocks".

use std::collections::HashSet;

use sqlx::FromRow;
use tracing::{error, info, warn};
use uuid::Uuid;
use windlass_application::ports::runs::Swept;
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::{RunId, SessionId};
use windlass_domain::lifecycle;
use windlass_domain::session;
use windlass_records::SWEPT_AGAIN_AFTER;
use windlass_records::columns::{At, Id};

use super::let_in;
use super::place;
use super::scene::Loaded;
use crate::error::store_error;
use crate::retry::retrying;
use crate::store::PostgresStore;
use crate::transaction::Transaction;

/// The tables whose rows are looked at by their `check_at`, with the column of their session.
const QUEUE: &str = "UPDATE queue SET check_at = $3 WHERE session_id = $1 AND check_at <= $2";
const PARKED: &str = "UPDATE parked SET check_at = $3 WHERE session_id = $1 AND check_at <= $2";
const LIVE: &str = "UPDATE live SET check_at = $3 WHERE session_id = $1 AND check_at <= $2";
const REVIEW: &str = "UPDATE review SET check_at = $3 WHERE session_id = $1 AND check_at <= $2";
const SESSION: &str = "UPDATE session SET check_at = $3 WHERE id = $1 AND check_at <= $2";

pub(super) async fn sweep(store: &PostgresStore, limit: u32) -> Result<Swept, StoreError> {
    let mut swept = clocks(store, limit).await?;
    swept.signals.extend(let_in::let_in(store).await);
    Ok(swept)
}

async fn clocks(store: &PostgresStore, limit: u32) -> Result<Swept, StoreError> {
    let mut swept = Swept::default();
    // Those that somebody else has, or that are broken: one of them may have more due rows than a
    // look takes, which must not hide everybody else's.
    let mut passed_over = HashSet::new();
    loop {
        let known = passed_over.len();
        let rows = due(store, limit, &passed_over).await?;
        let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
        let through = sweep_rows(store, rows, limit, &mut passed_over, &mut swept).await?;
        if !through || !is_full || swept.acted >= limit || passed_over.len() == known {
            swept.more |= is_full;
            return Ok(swept);
        }
    }
}

/// Whether it got through: the store may go away in between.
async fn sweep_rows(
    store: &PostgresStore,
    rows: Vec<DueRow>,
    limit: u32,
    passed_over: &mut HashSet<SessionId>,
    swept: &mut Swept,
) -> Result<bool, StoreError> {
    for row in rows {
        let session_id = SessionId::from_uuid(row.session_id.0);
        let run_id = row.run_id.map(|id| RunId::from_uuid(id.0));
        let mut more = !passed_over.contains(&session_id);
        while more && swept.acted < limit {
            match retrying(|| sweep_row(store, session_id, run_id)).await {
                Ok(Some(of_scene)) => {
                    more = of_scene.more;
                    swept.acted += of_scene.acted;
                    swept.signals.extend(of_scene.signals);
                }
                Ok(None) => {
                    passed_over.insert(session_id);
                    more = false;
                }
                // What was done before is committed, and must be told.
                Err(error @ StoreError::Unavailable(_)) if swept.acted > 0 => {
                    warn!(session.id = %session_id, %error, "a sweep was broken off");
                    swept.more = true;
                    return Ok(false);
                }
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                // One broken scene must not stop all clocks.
                Err(error) => {
                    error!(session.id = %session_id, %error, "a session cannot be swept");
                    postpone_alone(store, session_id).await?;
                    passed_over.insert(session_id);
                    more = false;
                }
            }
        }
        swept.more |= more;
    }
    Ok(true)
}

/// A row whose `check_at` has passed: a run's, or, without one, a session's own.
#[derive(FromRow)]
struct DueRow {
    session_id: Id,
    run_id: Option<Id>,
}

/// The sessions and runs of which a clock may have run out, the earliest first, but for those that
/// are passed over. Over all organizations: a scene is of one.
async fn due(
    store: &PostgresStore,
    limit: u32,
    passed_over: &HashSet<SessionId>,
) -> Result<Vec<DueRow>, StoreError> {
    let passed_over: Vec<Uuid> = passed_over.iter().map(|id| id.uuid()).collect();
    sqlx::query_as(
        "SELECT session_id, run_id
         FROM (
             SELECT * FROM (
                 SELECT session_id, run_id, check_at FROM queue
                 WHERE check_at <= $1 AND session_id <> ALL($3)
                 ORDER BY check_at LIMIT $2
             ) AS of_queue
             UNION ALL
             SELECT * FROM (
                 SELECT session_id, run_id, check_at FROM parked
                 WHERE check_at <= $1 AND session_id <> ALL($3)
                 ORDER BY check_at LIMIT $2
             ) AS of_parked
             UNION ALL
             SELECT * FROM (
                 SELECT session_id, run_id, check_at FROM live
                 WHERE check_at <= $1 AND session_id <> ALL($3)
                 ORDER BY check_at LIMIT $2
             ) AS of_live
             UNION ALL
             SELECT * FROM (
                 SELECT session_id, run_id, check_at FROM review
                 WHERE check_at <= $1 AND session_id <> ALL($3)
                 ORDER BY check_at LIMIT $2
             ) AS of_review
             UNION ALL
             SELECT * FROM (
                 SELECT id, NULL::uuid, check_at FROM session
                 WHERE check_at <= $1 AND id <> ALL($3)
                 ORDER BY check_at LIMIT $2
             ) AS of_session
         ) AS due
         ORDER BY check_at
         LIMIT $2",
    )
    .bind(At(store.now()))
    .bind(i64::from(limit))
    .bind(passed_over)
    .fetch_all(store.pool())
    .await
    .map_err(store_error)
}

/// Acts on one clock of a run and its session that has run out, or sets when they are looked at
/// again: a transaction of its own. Not on all of them in one, since each may lock gates. None where
/// somebody else has the session, such as another sweeper.
async fn sweep_row(
    store: &PostgresStore,
    session_id: SessionId,
    run_id: Option<RunId>,
) -> Result<Option<Swept>, StoreError> {
    let mut transaction = store.begin(None).await?;
    let mut scenes = Loaded::load_free(&mut transaction, &[session_id], run_id).await?;
    let Some(loaded) = scenes.remove(&session_id) else {
        return Ok(None);
    };
    let swept = sweep_loaded(&mut transaction, session_id, loaded?).await?;
    transaction.commit().await?;
    Ok(Some(swept))
}

async fn sweep_loaded(
    transaction: &mut Transaction,
    session_id: SessionId,
    loaded: Loaded,
) -> Result<Swept, StoreError> {
    let Some(command) = loaded.due(transaction.at()) else {
        rearm(transaction, &loaded).await?;
        return Ok(Swept::default());
    };
    match loaded.command(transaction, command).await {
        Ok(changes) => {
            info!(session.id = %session_id, "a clock of {session_id} ran out");
            Ok(Swept {
                acted: 1,
                // The next look finds another clock, or sets when there will be one.
                more: true,
                signals: changes.signals,
            })
        }
        Err(WriteError::Store(error)) => Err(error),
        Err(error) => {
            warn!(session.id = %session_id, %error, "a clock that ran out was not taken");
            postpone(transaction, session_id).await?;
            Ok(Swept::default())
        }
    }
}

/// Sets when each of the scene is looked at again: renewals and activity have moved its deadlines.
async fn rearm(transaction: &mut Transaction, loaded: &Loaded) -> Result<(), StoreError> {
    let now = transaction.at();
    for run in &loaded.scene.runs {
        let check_at = lifecycle::check_at(run);
        place::rearm(transaction.connection(), run, check_at, now).await?;
    }
    if let Some(session) = &loaded.scene.session {
        let check_at = session::check_at(session);
        set_check_at(transaction, SESSION, session.id, check_at).await?;
    }
    Ok(())
}

/// As [`postpone`], in a transaction of its own.
async fn postpone_alone(store: &PostgresStore, session_id: SessionId) -> Result<(), StoreError> {
    let mut transaction = store.begin(None).await?;
    postpone(&mut transaction, session_id).await?;
    transaction.commit().await
}

/// Leaves a session and its runs alone for a while.
async fn postpone(transaction: &mut Transaction, session_id: SessionId) -> Result<(), StoreError> {
    let later = Some(transaction.at() + SWEPT_AGAIN_AFTER);
    for statement in [QUEUE, PARKED, LIVE, REVIEW, SESSION] {
        set_check_at(transaction, statement, session_id, later).await?;
    }
    Ok(())
}

async fn set_check_at(
    transaction: &mut Transaction,
    statement: &'static str,
    session_id: SessionId,
    check_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let now = transaction.at();
    sqlx::query(statement)
        .bind(Id(session_id.uuid()))
        .bind(At(now))
        .bind(check_at.map(At))
        .execute(transaction.connection())
        .await
        .map_err(store_error)?;
    Ok(())
}
