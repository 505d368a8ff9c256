//! Where a run stands that is not final: in `queue`, `parked`, `live` or `review`, and in no two of
//! them. Source: docs/architecture.md, "Where the data lies".

use sqlx::postgres::PgConnection;
use windlass_application::ports::StoreError;
use windlass_domain::Timestamp;
use windlass_domain::lifecycle;
use windlass_domain::run::{Holder, Run, RunState, Waiting};
use windlass_domain::session::{Session, SessionState};
use windlass_records::columns::{At, Count, Id};
use windlass_records::rows::active_at;

use crate::error::{corrupt, store_error};

/// The table that a run has a row in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It may be leased.
    Queue,
    /// It waits for its session.
    Parked,
    /// A worker holds it.
    Live,
    /// It waits for a person.
    Review,
    /// It is final.
    Nowhere,
}

impl Place {
    pub(super) fn of(state: &RunState) -> Self {
        match state {
            RunState::Queued {
                waiting: Waiting::ForWorker,
                ..
            } => Self::Queue,
            RunState::Queued {
                waiting: Waiting::ForSession,
                ..
            } => Self::Parked,
            RunState::Running { .. }
            | RunState::InteractionRequired { .. }
            | RunState::Canceling { .. } => Self::Live,
            RunState::ReviewRequired { .. } => Self::Review,
            RunState::Completed | RunState::Failed { .. } | RunState::Canceled => Self::Nowhere,
        }
    }
}

/// Which start of a worker may take the runs of a session: empty where any may, else the worker's
/// id and the number of its start.
pub(super) fn held_by(session: &Session) -> Vec<u8> {
    match session.state {
        SessionState::Idle { holder, .. } => holder_key(holder),
        SessionState::Queued
        | SessionState::Running { .. }
        | SessionState::Completing { .. }
        | SessionState::Completed
        | SessionState::Failed => Vec::new(),
    }
}

/// A start of a worker as `queue.held_by` has it.
pub(super) fn holder_key(holder: Holder) -> Vec<u8> {
    let mut key = holder.worker_id.uuid().as_bytes().to_vec();
    key.extend_from_slice(&holder.incarnation.to_be_bytes());
    key
}

/// Takes a run out of its place.
pub(super) async fn leave(connection: &mut PgConnection, run: &Run) -> Result<(), StoreError> {
    let statement = match Place::of(&run.state) {
        Place::Queue => "DELETE FROM queue WHERE run_id = $1",
        Place::Parked => "DELETE FROM parked WHERE run_id = $1",
        Place::Live => "DELETE FROM live WHERE run_id = $1",
        Place::Review => "DELETE FROM review WHERE run_id = $1",
        Place::Nowhere => return Ok(()),
    };
    sqlx::query(statement)
        .bind(Id(run.id.uuid()))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Puts a run into its place, to be checked when its earliest clock has run out.
pub(super) async fn enter(
    connection: &mut PgConnection,
    run: &Run,
    session: &Session,
) -> Result<(), StoreError> {
    let check_at = lifecycle::check_at(run);
    match Place::of(&run.state) {
        Place::Queue => enter_queue(connection, run, session, deadline(run, check_at)?).await,
        Place::Parked => enter_parked(connection, run, deadline(run, check_at)?).await,
        Place::Live => enter_live(connection, run, deadline(run, check_at)?).await,
        Place::Review => enter_review(connection, run, check_at).await,
        Place::Nowhere => Ok(()),
    }
}

/// Moves the clocks of a run that a worker holds, which no index has: its `check_at` may be too
/// early then, and the sweep puts it right.
pub(super) async fn move_clocks(
    connection: &mut PgConnection,
    run: &Run,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE live SET lease_expires_at = $1, active_at = $2 WHERE run_id = $3")
        .bind(run.state.lease().map(|lease| At(lease.expires_at)))
        .bind(active_at(&run.state).map(At))
        .bind(Id(run.id.uuid()))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Sets when a run is looked at again, where that has passed.
pub(super) async fn rearm(
    connection: &mut PgConnection,
    run: &Run,
    check_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let statement = match Place::of(&run.state) {
        Place::Queue => "UPDATE queue SET check_at = $1 WHERE run_id = $2 AND check_at <= $3",
        Place::Parked => "UPDATE parked SET check_at = $1 WHERE run_id = $2 AND check_at <= $3",
        Place::Live => "UPDATE live SET check_at = $1 WHERE run_id = $2 AND check_at <= $3",
        Place::Review => "UPDATE review SET check_at = $1 WHERE run_id = $2 AND check_at <= $3",
        Place::Nowhere => return Ok(()),
    };
    sqlx::query(statement)
        .bind(check_at.map(At))
        .bind(Id(run.id.uuid()))
        .bind(At(now))
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(())
}

fn deadline(run: &Run, check_at: Option<Timestamp>) -> Result<Timestamp, StoreError> {
    check_at.ok_or_else(|| {
        corrupt(
            "run",
            &run.id,
            &"a run that waits or is held has a deadline",
        )
    })
}

async fn enter_queue(
    connection: &mut PgConnection,
    run: &Run,
    session: &Session,
    check_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO queue
             (run_id, organization_id, pool, held_by, priority, session_id, check_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(run.pool.as_str())
    .bind(held_by(session))
    .bind(i64::from(run.settings.priority.level()))
    .bind(Id(run.session_id.uuid()))
    .bind(At(check_at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn enter_parked(
    connection: &mut PgConnection,
    run: &Run,
    check_at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO parked
             (run_id, organization_id, slot, slot_of, pool, priority, session_id, check_at)
         VALUES ($1, $2, 'session', $3, $4, $5, $6, $7)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(run.session_id.to_string())
    .bind(run.pool.as_str())
    .bind(i64::from(run.settings.priority.level()))
    .bind(Id(run.session_id.uuid()))
    .bind(At(check_at))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn enter_live(
    connection: &mut PgConnection,
    run: &Run,
    check_at: Timestamp,
) -> Result<(), StoreError> {
    let lease = run
        .state
        .lease()
        .ok_or_else(|| corrupt("run", &run.id, &"a run that a worker holds has a lease"))?;
    sqlx::query(
        "INSERT INTO live
             (run_id, organization_id, worker_id, incarnation, session_id, check_at,
              lease_expires_at, active_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(Id(lease.holder.worker_id.uuid()))
    .bind(Count(lease.holder.incarnation))
    .bind(Id(run.session_id.uuid()))
    .bind(At(check_at))
    .bind(At(lease.expires_at))
    .bind(active_at(&run.state).map(At))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn enter_review(
    connection: &mut PgConnection,
    run: &Run,
    check_at: Option<Timestamp>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO review (run_id, organization_id, session_id, check_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(Id(run.session_id.uuid()))
    .bind(check_at.map(At))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
