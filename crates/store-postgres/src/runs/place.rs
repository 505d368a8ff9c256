//! Where a run stands that is not final: in `queue`, `parked`, `live` or `review`, and in no two of
//! them. Source: docs/architecture.md, "Where the data lies".

use sqlx::postgres::PgConnection;
use windlass_application::ports::StoreError;
use windlass_domain::Timestamp;
use windlass_domain::lifecycle;
use windlass_domain::run::{Holder, Run};
use windlass_domain::session::Session;
use windlass_records::columns::{At, Count, HeldBy, Id};
use windlass_records::rows::active_at;
use windlass_records::{PARKED_FOR_SESSION, Place, deadline};

use crate::error::{corrupt, store_error};

/// Takes a run out of its place; not one that waits for a slot besides that of its session.
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
    match Place::of(&run.state) {
        Place::Queue => enter_queue(connection, run, session.kept_by()).await,
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
    let statements: &[&'static str] = match Place::of(&run.state) {
        Place::Queue => &[
            "UPDATE queue SET check_at = $1 WHERE run_id = $2 AND check_at <= $3",
            "UPDATE parked SET check_at = $1 WHERE run_id = $2 AND check_at <= $3",
        ],
        Place::Parked => &["UPDATE parked SET check_at = $1 WHERE run_id = $2 AND check_at <= $3"],
        Place::Live => &["UPDATE live SET check_at = $1 WHERE run_id = $2 AND check_at <= $3"],
        Place::Review => &["UPDATE review SET check_at = $1 WHERE run_id = $2 AND check_at <= $3"],
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
    connection: &mut PgConnection,
    run: &Run,
    kept_by: Option<Holder>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO queue
             (run_id, organization_id, pool, held_by, priority, session_id, check_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(run.pool.as_str())
    .bind(HeldBy(kept_by))
    .bind(i64::from(run.settings.priority.level()))
    .bind(Id(run.session_id.uuid()))
    .bind(deadline(run)?)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Lets a run wait for a slot of this kind and owner.
pub(super) async fn park(
    connection: &mut PgConnection,
    run: &Run,
    (slot, slot_of): (&'static str, String),
    kept_by: Option<Holder>,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO parked
             (run_id, organization_id, slot, slot_of, held_by, pool, priority, session_id,
              check_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(slot)
    .bind(slot_of)
    .bind(HeldBy(kept_by))
    .bind(run.pool.as_str())
    .bind(i64::from(run.settings.priority.level()))
    .bind(Id(run.session_id.uuid()))
    .bind(deadline(run)?)
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn enter_live(connection: &mut PgConnection, run: &Run) -> Result<(), StoreError> {
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
    .bind(deadline(run)?)
    .bind(At(lease.expires_at))
    .bind(active_at(&run.state).map(At))
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

async fn enter_review(connection: &mut PgConnection, run: &Run) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO review (run_id, organization_id, session_id, check_at) VALUES ($1, $2, $3, $4)",
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
