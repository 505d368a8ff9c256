//! Where a run stands that is not final: in `queue`, `parked`, `live` or `review`, and in no two of
//! them. Source: docs/architecture.md, "Where the data lies".

use sqlx::sqlite::SqliteConnection;
use windlass_application::ports::StoreError;
use windlass_domain::Timestamp;
use windlass_domain::id::RunId;
use windlass_domain::lifecycle;
use windlass_domain::run::{Holder, Run};
use windlass_domain::session::Session;
use windlass_domain::slot::Slot;
use windlass_records::columns::{At, HeldBy, Id};
use windlass_records::rows::active_at;
use windlass_records::{PARKED_FOR_SESSION, Place, deadline, kept_by};

use crate::error::{corrupt, store_error};

/// Takes a run out of its place. Answers which slot it waited for there besides its session's.
pub(super) async fn leave(
    connection: &mut SqliteConnection,
    run: &Run,
) -> Result<Option<Slot>, StoreError> {
    let statement = match Place::of(&run.state) {
        Place::Queue => "DELETE FROM queue WHERE run_id = ?",
        Place::Parked => "DELETE FROM parked WHERE run_id = ?",
        Place::Live => "DELETE FROM live WHERE run_id = ?",
        Place::Review => "DELETE FROM review WHERE run_id = ?",
        Place::Nowhere => return Ok(None),
    };
    let deleted = sqlx::query(statement)
        .bind(Id(run.id.uuid()))
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    if deleted.rows_affected() > 0 || Place::of(&run.state) != Place::Queue {
        return Ok(None);
    }
    leave_gate(connection, run.id).await
}

/// Takes a run away from where it waits for a slot. Answers which one, where it has its session's.
pub(super) async fn leave_gate(
    connection: &mut SqliteConnection,
    run_id: RunId,
) -> Result<Option<Slot>, StoreError> {
    let slot: Option<String> =
        sqlx::query_scalar("DELETE FROM parked WHERE run_id = ? RETURNING slot")
            .bind(Id(run_id.uuid()))
            .fetch_optional(connection)
            .await
            .map_err(store_error)?;
    Ok(slot.and_then(|slot| Slot::parse(&slot)))
}

/// Puts a run into its place, to be checked when its earliest clock has run out.
pub(super) async fn enter(
    connection: &mut SqliteConnection,
    run: &Run,
    session: &Session,
) -> Result<(), StoreError> {
    match Place::of(&run.state) {
        Place::Queue => enter_queue(connection, run, kept_by(session)).await,
        Place::Parked => {
            let session_slot = (PARKED_FOR_SESSION, run.session_id.to_string());
            park(connection, run, session_slot, None).await
        }
        Place::Live => enter_live(connection, run).await,
        Place::Review => enter_review(connection, run).await,
        Place::Nowhere => Ok(()),
    }
}

/// Moves the clocks of a run that a worker holds, which no index has: its `check_at` may be too
/// early then, and the sweep puts it right.
pub(super) async fn move_clocks(
    connection: &mut SqliteConnection,
    run: &Run,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE live SET lease_expires_at = ?, active_at = ? WHERE run_id = ?")
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
    connection: &mut SqliteConnection,
    run: &Run,
    check_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let statements: &[&'static str] = match Place::of(&run.state) {
        Place::Queue => &[
            "UPDATE queue SET check_at = ? WHERE run_id = ? AND check_at <= ?",
            "UPDATE parked SET check_at = ? WHERE run_id = ? AND check_at <= ?",
        ],
        Place::Parked => &["UPDATE parked SET check_at = ? WHERE run_id = ? AND check_at <= ?"],
        Place::Live => &["UPDATE live SET check_at = ? WHERE run_id = ? AND check_at <= ?"],
        Place::Review => &["UPDATE review SET check_at = ? WHERE run_id = ? AND check_at <= ?"],
        Place::Nowhere => &[],
    };
    for statement in statements {
        sqlx::query(*statement)
            .bind(check_at.map(At))
            .bind(Id(run.id.uuid()))
            .bind(At(now))
            .execute(&mut *connection)
            .await
            .map_err(store_error)?;
    }
    Ok(())
}

/// Puts a run where it may be leased, by this start of a worker alone or by any.
pub(super) async fn enter_queue(
    connection: &mut SqliteConnection,
    run: &Run,
    kept_by: Option<Holder>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO queue
             (run_id, organization_id, pool, held_by, priority, session_id, check_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(run.pool.as_str())
    .bind(HeldBy(kept_by))
    .bind(run.settings.priority.level())
    .bind(Id(run.session_id.uuid()))
    .bind(deadline(run)?)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Lets a run wait for a slot of this kind and owner.
pub(super) async fn park(
    connection: &mut SqliteConnection,
    run: &Run,
    (slot, slot_of): (&'static str, String),
    kept_by: Option<Holder>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO parked
             (run_id, organization_id, slot, slot_of, pool, held_by, priority, session_id,
              check_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(slot)
    .bind(slot_of)
    .bind(run.pool.as_str())
    .bind(HeldBy(kept_by))
    .bind(run.settings.priority.level())
    .bind(Id(run.session_id.uuid()))
    .bind(deadline(run)?)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn enter_live(connection: &mut SqliteConnection, run: &Run) -> Result<(), StoreError> {
    let lease = run
        .state
        .lease()
        .ok_or_else(|| corrupt("run", &run.id, &"a run that a worker holds has a lease"))?;
    sqlx::query(
        "INSERT INTO live
             (run_id, organization_id, worker_id, incarnation, session_id, check_at,
              lease_expires_at, active_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(Id(lease.holder.worker_id.uuid()))
    .bind(lease.holder.incarnation)
    .bind(Id(run.session_id.uuid()))
    .bind(deadline(run)?)
    .bind(At(lease.expires_at))
    .bind(active_at(&run.state).map(At))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn enter_review(connection: &mut SqliteConnection, run: &Run) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO review (run_id, organization_id, session_id, check_at) VALUES (?, ?, ?, ?)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(Id(run.session_id.uuid()))
    .bind(lifecycle::check_at(run).map(At))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}
