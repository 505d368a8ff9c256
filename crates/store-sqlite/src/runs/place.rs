//! Where a run stands that is not final: in `queue`, `parked`, `live` or `review`, and in no two of
//! them. Source: docs/architecture.md, "Where the data lies".

use windlass_application::ports::StoreError;
use windlass_domain::Timestamp;
use windlass_domain::lifecycle;
use windlass_domain::run::{Holder, Run};
use windlass_domain::session::Session;
use windlass_domain::slot::Slot;
use windlass_records::columns::{At, HeldBy, Id};
use windlass_records::rows::active_at;
use windlass_records::{PARKED_FOR_SESSION, Place, deadline};

use crate::error::{corrupt, store_error};
use crate::transaction::Transaction;

/// Takes a run out of its place, to go to another or to be over.
pub(super) fn leave(transaction: &mut Transaction, run: &Run) {
    let statements: &[&'static str] = match Place::of(&run.state) {
        Place::Queue => &[
            "DELETE FROM queue WHERE run_id = ?",
            "DELETE FROM parked WHERE run_id = ?",
        ],
        Place::Parked => &["DELETE FROM parked WHERE run_id = ?"],
        Place::Live => &["DELETE FROM live WHERE run_id = ?"],
        Place::Review => &["DELETE FROM review WHERE run_id = ?"],
        Place::Nowhere => &[],
    };
    for statement in statements {
        transaction.then(statement).bind(Id(run.id.uuid()));
    }
}

/// Which slot a run waits for besides its session's, if it does.
pub(super) async fn waits_for(
    transaction: &mut Transaction,
    run: &Run,
) -> Result<Option<Slot>, StoreError> {
    if Place::of(&run.state) != Place::Queue {
        return Ok(None);
    }
    let slot: Option<String> = sqlx::query_scalar("SELECT slot FROM parked WHERE run_id = ?")
        .bind(Id(run.id.uuid()))
        .fetch_optional(transaction.connection().await?)
        .await
        .map_err(store_error)?;
    Ok(slot.and_then(|slot| Slot::parse(&slot)))
}

/// Puts a run into its place, to be checked when its earliest clock has run out.
pub(super) fn enter(
    transaction: &mut Transaction,
    run: &Run,
    session: &Session,
) -> Result<(), StoreError> {
    match Place::of(&run.state) {
        Place::Queue => enter_queue(transaction, run, session.kept_by()),
        Place::Parked => {
            let session_slot = (PARKED_FOR_SESSION, run.session_id.to_string());
            park(transaction, run, session_slot, None)
        }
        Place::Live => enter_live(transaction, run),
        Place::Review => {
            enter_review(transaction, run);
            Ok(())
        }
        Place::Nowhere => Ok(()),
    }
}

/// Moves the clocks of a run that a worker holds, which no index has: its `check_at` may be too
/// early then, and the sweep puts it right.
pub(super) fn move_clocks(transaction: &mut Transaction, run: &Run) {
    transaction
        .then("UPDATE live SET lease_expires_at = ?, active_at = ? WHERE run_id = ?")
        .bind(run.state.lease().map(|lease| At(lease.expires_at)))
        .bind(active_at(&run.state).map(At))
        .bind(Id(run.id.uuid()));
}

/// Sets when a run is looked at again, where that has passed.
pub(super) fn rearm(
    transaction: &mut Transaction,
    run: &Run,
    check_at: Option<Timestamp>,
    now: Timestamp,
) {
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
        transaction
            .then(statement)
            .bind(check_at.map(At))
            .bind(Id(run.id.uuid()))
            .bind(At(now));
    }
}

/// Puts a run where it may be leased, by this start of a worker alone or by any.
pub(super) fn enter_queue(
    transaction: &mut Transaction,
    run: &Run,
    kept_by: Option<Holder>,
) -> Result<(), StoreError> {
    let check_at = deadline(run)?;
    transaction
        .then(
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
        .bind(check_at);
    Ok(())
}

/// Lets a run wait for a slot of this kind and owner.
pub(super) fn park(
    transaction: &mut Transaction,
    run: &Run,
    (slot, slot_of): (&'static str, String),
    kept_by: Option<Holder>,
) -> Result<(), StoreError> {
    let check_at = deadline(run)?;
    transaction
        .then(
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
        .bind(check_at);
    Ok(())
}

fn enter_live(transaction: &mut Transaction, run: &Run) -> Result<(), StoreError> {
    let lease = run
        .state
        .lease()
        .ok_or_else(|| corrupt("run", &run.id, &"a run that a worker holds has a lease"))?;
    let check_at = deadline(run)?;
    transaction
        .then(
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
        .bind(check_at)
        .bind(At(lease.expires_at))
        .bind(active_at(&run.state).map(At));
    Ok(())
}

fn enter_review(transaction: &mut Transaction, run: &Run) {
    transaction.then(
        "INSERT INTO review (run_id, organization_id, session_id, check_at) VALUES (?, ?, ?, ?)",
    )
    .bind(Id(run.id.uuid()))
    .bind(Id(run.organization_id.uuid()))
    .bind(Id(run.session_id.uuid()))
    .bind(lifecycle::check_at(run).map(At));
}
