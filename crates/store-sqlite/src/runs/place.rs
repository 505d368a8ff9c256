//! Where a run stands that is not final: in `queue`, `parked`, `live` or `review`, and in no two of
//! them. Source: docs/architecture.md, "Where the data lies".

use rusqlite::params;
use windlass_application::ports::StoreError;
use windlass_domain::Timestamp;
use windlass_domain::lifecycle;
use windlass_domain::run::{Holder, Run};
use windlass_domain::session::Session;
use windlass_domain::slot::Slot;
use windlass_records::columns::{At, HeldBy, Id};
use windlass_records::rows::active_at;
use windlass_records::{PARKED_FOR_SESSION, Place, deadline};

use crate::connection::Connection;
use crate::error::corrupt;

/// Takes a run out of its place, to go to another or to be over.
pub(super) fn leave(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    let statements: &[&'static str] = match Place::of(&run.state) {
        // Where it waits for a slot besides its session's it is parked.
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
        if connection.change(statement, params![Id(run.id.uuid())])? > 0 {
            break;
        }
    }
    Ok(())
}

/// Which slot a run waits for besides its session's, if it does.
pub(super) fn waits_for(connection: &Connection, run: &Run) -> Result<Option<Slot>, StoreError> {
    if Place::of(&run.state) != Place::Queue {
        return Ok(None);
    }
    let slot: Option<String> = connection.value(
        "SELECT slot FROM parked WHERE run_id = ?",
        params![Id(run.id.uuid())],
    )?;
    Ok(slot.and_then(|slot| Slot::parse(&slot)))
}

/// Puts a run into its place, to be checked when its earliest clock has run out.
pub(super) fn enter(
    connection: &Connection,
    run: &Run,
    session: &Session,
) -> Result<(), StoreError> {
    match Place::of(&run.state) {
        Place::Queue => enter_queue(connection, run, session.kept_by()),
        Place::Parked => {
            let session_slot = (PARKED_FOR_SESSION, run.session_id.to_string());
            park(connection, run, session_slot, None)
        }
        Place::Live => enter_live(connection, run),
        Place::Review => enter_review(connection, run),
        Place::Nowhere => Ok(()),
    }
}

/// Moves the clocks of a run that a worker holds, which no index has: its `check_at` may be too
/// early then, and the sweep puts it right.
pub(super) fn move_clocks(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    connection.change(
        "UPDATE live SET lease_expires_at = ?, active_at = ? WHERE run_id = ?",
        params![
            run.state.lease().map(|lease| At(lease.expires_at)),
            active_at(&run.state).map(At),
            Id(run.id.uuid())
        ],
    )?;
    Ok(())
}

/// Sets when a run is looked at again, where that has passed.
pub(super) fn rearm(
    connection: &Connection,
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
        connection.change(
            statement,
            params![check_at.map(At), Id(run.id.uuid()), At(now)],
        )?;
    }
    Ok(())
}

/// Puts a run where it may be leased, by this start of a worker alone or by any.
pub(super) fn enter_queue(
    connection: &Connection,
    run: &Run,
    kept_by: Option<Holder>,
) -> Result<(), StoreError> {
    let check_at = deadline(run)?;
    connection.change(
        "INSERT INTO queue
             (run_id, organization_id, pool, held_by, priority, session_id, check_at)
         VALUES (?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(run.id.uuid()),
            Id(run.organization_id.uuid()),
            run.pool.as_str(),
            HeldBy(kept_by),
            run.settings.priority.level(),
            Id(run.session_id.uuid()),
            check_at
        ],
    )?;
    Ok(())
}

/// Lets a run wait for a slot of this kind and owner.
pub(super) fn park(
    connection: &Connection,
    run: &Run,
    (slot, slot_of): (&'static str, String),
    kept_by: Option<Holder>,
) -> Result<(), StoreError> {
    let check_at = deadline(run)?;
    connection.change(
        "INSERT INTO parked
             (run_id, organization_id, slot, slot_of, pool, held_by, priority, session_id,
              check_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(run.id.uuid()),
            Id(run.organization_id.uuid()),
            slot,
            slot_of,
            run.pool.as_str(),
            HeldBy(kept_by),
            run.settings.priority.level(),
            Id(run.session_id.uuid()),
            check_at
        ],
    )?;
    Ok(())
}

fn enter_live(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    let lease = run
        .state
        .lease()
        .ok_or_else(|| corrupt("run", &run.id, &"a run that a worker holds has a lease"))?;
    let check_at = deadline(run)?;
    connection.change(
        "INSERT INTO live
             (run_id, organization_id, worker_id, incarnation, session_id, check_at,
              lease_expires_at, active_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            Id(run.id.uuid()),
            Id(run.organization_id.uuid()),
            Id(lease.holder.worker_id.uuid()),
            lease.holder.incarnation,
            Id(run.session_id.uuid()),
            check_at,
            At(lease.expires_at),
            active_at(&run.state).map(At)
        ],
    )?;
    Ok(())
}

fn enter_review(connection: &Connection, run: &Run) -> Result<(), StoreError> {
    connection.change(
        "INSERT INTO review (run_id, organization_id, session_id, check_at) VALUES (?, ?, ?, ?)",
        params![
            Id(run.id.uuid()),
            Id(run.organization_id.uuid()),
            Id(run.session_id.uuid()),
            lifecycle::check_at(run).map(At)
        ],
    )?;
    Ok(())
}
