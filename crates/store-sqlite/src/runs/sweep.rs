//! `Runs::sweep`: acts on the clocks that have run out. Source: docs/lifecycle.md, "Clocks".

use std::collections::HashSet;

use rusqlite::params;
use tracing::{error, info, warn};
use windlass_application::ports::runs::Swept;
use windlass_application::ports::{StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::{RunId, SessionId};
use windlass_domain::lifecycle;
use windlass_domain::session;
use windlass_records::SWEPT_AGAIN_AFTER;
use windlass_records::columns::{At, Id};
use windlass_records::sqlite_row;

use super::let_in;
use super::place;
use super::scene::Loaded;
use crate::connection::Connection;
use crate::store::SqliteStore;
use crate::transaction::Transaction;

/// The tables whose rows are looked at by their `check_at`, with the column of their session.
const QUEUE: &str = "UPDATE queue SET check_at = ?3 WHERE session_id = ?1 AND check_at <= ?2";
const PARKED: &str = "UPDATE parked SET check_at = ?3 WHERE session_id = ?1 AND check_at <= ?2";
const LIVE: &str = "UPDATE live SET check_at = ?3 WHERE session_id = ?1 AND check_at <= ?2";
const REVIEW: &str = "UPDATE review SET check_at = ?3 WHERE session_id = ?1 AND check_at <= ?2";
const SESSION: &str = "UPDATE session SET check_at = ?3 WHERE id = ?1 AND check_at <= ?2";

sqlite_row! {
    /// A row whose `check_at` has passed: a run's, or, without one, a session's own.
    struct DueRow {
        session_id: Id,
        run_id: Option<Id>,
    }
}

pub(super) async fn sweep(store: &SqliteStore, limit: u32) -> Result<Swept, StoreError> {
    let mut swept = clocks(store, limit).await?;
    swept.signals.extend(let_in::let_in(store).await);
    Ok(swept)
}

async fn clocks(store: &SqliteStore, limit: u32) -> Result<Swept, StoreError> {
    let now = store.now();
    // Most of the time nothing is due, and looking takes no lock.
    let is_any_due = store
        .read(move |connection| due(connection, now, 1))
        .await?;
    if is_any_due.is_empty() {
        return Ok(Swept::default());
    }
    store
        .change(None, move |transaction| sweep_due(transaction, limit))
        .await
}

fn sweep_due(transaction: &mut Transaction<'_>, limit: u32) -> Result<Swept, StoreError> {
    let now = transaction.at();
    let rows = due(transaction, now, limit)?;
    let is_full = u32::try_from(rows.len()).is_ok_and(|count| count >= limit);
    let mut swept = Swept {
        more: is_full,
        ..Swept::default()
    };
    let mut postponed = HashSet::new();
    for row in rows {
        let session_id = SessionId::from_uuid(row.session_id.0);
        let run_id = row.run_id.map(|id| RunId::from_uuid(id.0));
        if swept.acted >= limit {
            swept.more = true;
            break;
        }
        if !postponed.contains(&session_id)
            && !sweep_row(transaction, session_id, run_id, limit, &mut swept)?
        {
            postpone(transaction, session_id)?;
            postponed.insert(session_id);
        }
    }
    Ok(swept)
}

/// The sessions and runs of which a clock may have run out, the earliest first. Over all
/// organizations: a scene is of one.
fn due(connection: &Connection, now: Timestamp, limit: u32) -> Result<Vec<DueRow>, StoreError> {
    connection.rows(
        "SELECT session_id, run_id
         FROM (
             SELECT * FROM (
                 SELECT session_id, run_id, check_at FROM queue
                 WHERE check_at <= ?1 ORDER BY check_at LIMIT ?2 + 0
             )
             UNION ALL
             SELECT * FROM (
                 SELECT session_id, run_id, check_at FROM parked
                 WHERE check_at <= ?1 ORDER BY check_at LIMIT ?2 + 0
             )
             UNION ALL
             SELECT * FROM (
                 SELECT session_id, run_id, check_at FROM live
                 WHERE check_at <= ?1 ORDER BY check_at LIMIT ?2 + 0
             )
             UNION ALL
             SELECT * FROM (
                 SELECT session_id, run_id, check_at FROM review
                 WHERE check_at <= ?1 ORDER BY check_at LIMIT ?2 + 0
             )
             UNION ALL
             SELECT * FROM (
                 SELECT id, NULL, check_at FROM session
                 WHERE check_at <= ?1 ORDER BY check_at LIMIT ?2 + 0
             )
         )
         ORDER BY check_at
         LIMIT ?2 + 0",
        params![At(now), limit],
    )
}

/// Acts on the clocks of a run and its session that have run out, one after the other, and sets when
/// the others are looked at. Whether that could be done.
fn sweep_row(
    transaction: &mut Transaction<'_>,
    session_id: SessionId,
    run_id: Option<RunId>,
    limit: u32,
    swept: &mut Swept,
) -> Result<bool, StoreError> {
    let now = transaction.at();
    loop {
        let mut loaded = match Loaded::load(transaction, session_id, run_id) {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return Ok(false),
            // One broken row must not stop all clocks.
            Err(error @ StoreError::Corrupt { .. }) => {
                error!(session.id = %session_id, %error, "a session cannot be swept");
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let Some(command) = loaded.due(now) else {
            rearm(transaction, &loaded)?;
            return Ok(true);
        };
        if swept.acted >= limit {
            swept.more = true;
            return Ok(true);
        }
        let changes = match loaded.decide(transaction, &command) {
            Ok(changes) => changes,
            // A session that ends reads who waits for it. Nothing is written yet.
            Err(WriteError::Store(error @ StoreError::Corrupt { .. })) => {
                error!(session.id = %session_id, %error, "a session cannot be swept");
                return Ok(false);
            }
            Err(WriteError::Store(error)) => return Err(error),
            Err(error) => {
                warn!(session.id = %session_id, %error, "a clock that ran out was not taken");
                return Ok(false);
            }
        };
        let changes = loaded.save(transaction, changes)?;
        swept.acted += 1;
        swept.signals.extend(changes.signals);
        info!(session.id = %session_id, "a clock of {session_id} ran out");
    }
}

/// Sets when each of the scene is looked at again: renewals and activity have moved its deadlines.
fn rearm(transaction: &mut Transaction<'_>, loaded: &Loaded) -> Result<(), StoreError> {
    let now = transaction.at();
    for run in &loaded.scene.runs {
        let check_at = lifecycle::check_at(run);
        place::rearm(transaction, run, check_at, now)?;
    }
    if let Some(session) = &loaded.scene.session {
        let check_at = session::check_at(session);
        set_check_at(transaction, SESSION, session.id, check_at)?;
    }
    Ok(())
}

/// Leaves a session and its runs alone for a while.
fn postpone(transaction: &mut Transaction<'_>, session_id: SessionId) -> Result<(), StoreError> {
    let later = Some(transaction.at() + SWEPT_AGAIN_AFTER);
    for statement in [QUEUE, PARKED, LIVE, REVIEW, SESSION] {
        set_check_at(transaction, statement, session_id, later)?;
    }
    Ok(())
}

fn set_check_at(
    transaction: &mut Transaction<'_>,
    statement: &'static str,
    session_id: SessionId,
    check_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let now = transaction.at();
    transaction.change(
        statement,
        params![Id(session_id.uuid()), At(now), check_at.map(At)],
    )?;
    Ok(())
}
