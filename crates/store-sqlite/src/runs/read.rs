//! Runs, read one by one.

use std::collections::HashMap;

use rusqlite::params;
use windlass_application::OrganizationContext;
use windlass_application::ports::StoreError;
use windlass_application::ports::runs::RunView;
use windlass_application::ports::sessions::SHOWN_RUNS;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::run::{Holder, Run, Status};
use windlass_domain::sealed::Sealed;
use windlass_records::columns::Id;
use windlass_records::rows::{RunRow, ViewRow};
use windlass_records::{select_runs, select_views};

use crate::connection::Connection;
use crate::error;
use crate::store::SqliteStore;

/// The newest runs of some sessions. The oldest that is shown of a session is looked for once a session.
pub(crate) const OF_SESSIONS: &str = select_runs!(
    "",
    "WHERE run.id IN (
         SELECT newest.id
         FROM json_each(?1) AS wanted
         JOIN run AS newest
           ON newest.session_id = unhex(wanted.value)
          AND newest.id >= ifnull((
                  SELECT oldest.id
                  FROM run AS oldest
                  WHERE oldest.session_id = unhex(wanted.value)
                  ORDER BY oldest.id DESC
                  LIMIT 1 OFFSET ?2
              ), x'')
     )
     ORDER BY run.id DESC"
);

/// Runs that a start of a worker holds, by their statuses. It is read from what the worker holds, however
/// many runs of such a status there are.
pub(crate) const HELD_BY: &str = "SELECT run.id
     FROM live
     CROSS JOIN run ON run.id = live.run_id
     WHERE live.worker_id = ?1 AND live.incarnation = ?2
       AND (?3 IS NULL OR live.organization_id = ?3)
       AND run.status IN (SELECT value FROM json_each(?4))";

/// Those of the runs of the list that a start of a worker does not hold in one of the statuses: two looks for
/// each.
pub(crate) const NOT_HELD_BY: &str = "SELECT unhex(wanted.value)
     FROM json_each(?5) AS wanted
     WHERE NOT EXISTS (
         SELECT 1
         FROM live
         CROSS JOIN run ON run.id = live.run_id
         WHERE live.run_id = unhex(wanted.value)
           AND live.worker_id = ?1 AND live.incarnation = ?2
           AND (?3 IS NULL OR live.organization_id = ?3)
           AND run.status IN (SELECT value FROM json_each(?4))
     )";

pub(super) async fn get(
    store: &SqliteStore,
    organization: OrganizationContext,
    run_id: RunId,
) -> Result<Option<RunView>, StoreError> {
    let row: Option<ViewRow> = store
        .look(|connection| {
            connection.row(
                select_views!("WHERE run.id = ? AND run.organization_id = ?"),
                params![Id(run_id.uuid()), Id(organization.organization_id().uuid())],
            )
        })
        .await?;
    row.map(error::read).transpose()
}

pub(super) async fn input(
    store: &SqliteStore,
    organization: OrganizationContext,
    run_id: RunId,
) -> Result<Option<Sealed>, StoreError> {
    let input: Option<Vec<u8>> = store
        .look(|connection| {
            connection.value(
                "SELECT run_input.input
                 FROM run
                 JOIN run_input ON run_input.run_id = run.id
                 WHERE run.id = ? AND run.organization_id = ?",
                params![Id(run_id.uuid()), Id(organization.organization_id().uuid())],
            )
        })
        .await?;
    Ok(input.map(Sealed::from_bytes))
}

/// One statement, however many are asked for, and rows only of those that somebody has to do something
/// about.
pub(super) async fn of_status(
    store: &SqliteStore,
    run_ids: &[RunId],
    statuses: &[Status],
) -> Result<Vec<RunId>, StoreError> {
    if run_ids.is_empty() {
        return Ok(Vec::new());
    }
    let (wanted, statuses) = (list_of(run_ids), names_of(statuses));
    let found: Vec<Id> = store
        .read(move |connection| {
            connection.values(
                "SELECT run.id
                 FROM json_each(?1) AS wanted
                 JOIN run ON run.id = unhex(wanted.value)
                 WHERE run.status IN (SELECT value FROM json_each(?2))",
                params![wanted, statuses],
            )
        })
        .await?;
    Ok(found.into_iter().map(|id| RunId::from_uuid(id.0)).collect())
}

/// The same.
pub(super) async fn not_held_by(
    store: &SqliteStore,
    organization: Option<OrganizationContext>,
    holder: Holder,
    (run_ids, statuses): (&[RunId], &[Status]),
) -> Result<Vec<RunId>, StoreError> {
    if run_ids.is_empty() {
        return Ok(Vec::new());
    }
    let (wanted, statuses) = (list_of(run_ids), names_of(statuses));
    let organization_id = organization.map(OrganizationContext::organization_id);
    let organization_id = organization_id.map(|id| Id(id.uuid()));
    let found: Vec<Id> = store
        .read(move |connection| {
            connection.values(
                NOT_HELD_BY,
                params![
                    Id(holder.worker_id.uuid()),
                    holder.incarnation,
                    organization_id,
                    statuses,
                    wanted
                ],
            )
        })
        .await?;
    Ok(found.into_iter().map(|id| RunId::from_uuid(id.0)).collect())
}

/// Ids as statements take them.
fn list_of(run_ids: &[RunId]) -> String {
    let ids = run_ids.iter().map(|id| id.uuid().simple().to_string());
    windlass_records::write(&ids.collect::<Vec<String>>())
}

/// Statuses as statements take them.
fn names_of(statuses: &[Status]) -> String {
    let names = statuses.iter().map(|status| status.as_str());
    windlass_records::write(&names.collect::<Vec<&str>>())
}

pub(super) async fn held_by(
    store: &SqliteStore,
    organization: Option<OrganizationContext>,
    holder: Holder,
    statuses: &[Status],
) -> Result<Vec<RunId>, StoreError> {
    let organization_id = organization.map(OrganizationContext::organization_id);
    let found: Vec<Id> = store
        .look(|connection| {
            connection.values(
                HELD_BY,
                params![
                    Id(holder.worker_id.uuid()),
                    holder.incarnation,
                    organization_id.map(|id| Id(id.uuid())),
                    names_of(statuses)
                ],
            )
        })
        .await?;
    Ok(found.into_iter().map(|id| RunId::from_uuid(id.0)).collect())
}

pub(super) async fn organization_of(
    store: &SqliteStore,
    run_id: RunId,
) -> Result<Option<OrganizationId>, StoreError> {
    let id: Option<Id> = store
        .look(|connection| {
            connection.value(
                "SELECT organization_id FROM run WHERE id = ?",
                params![Id(run_id.uuid())],
            )
        })
        .await?;
    Ok(id.map(|id| OrganizationId::from_uuid(id.0)))
}

/// The newest runs of a session, newest first. Whose it is, the caller has checked.
pub(crate) fn of_session(
    connection: &Connection,
    session_id: SessionId,
) -> Result<Vec<Run>, StoreError> {
    let rows: Vec<RunRow> = connection.rows(
        select_runs!(
            "",
            "WHERE run.session_id = ? ORDER BY run.id DESC LIMIT ? + 0"
        ),
        params![Id(session_id.uuid()), SHOWN_RUNS],
    )?;
    rows.into_iter()
        .map(|row| error::read(row).map(|(run, _)| run))
        .collect()
}

/// The newest runs of each of these sessions, newest first; in one statement, however many they are.
/// Whose they are, the caller has checked.
pub(crate) fn of_sessions(
    connection: &Connection,
    session_ids: &[SessionId],
) -> Result<HashMap<SessionId, Vec<Run>>, StoreError> {
    let ids: Vec<String> = session_ids
        .iter()
        .map(|id| id.uuid().simple().to_string())
        .collect();
    let rows: Vec<RunRow> = connection.rows(
        OF_SESSIONS,
        params![windlass_records::write(&ids), SHOWN_RUNS - 1],
    )?;
    let mut runs: HashMap<SessionId, Vec<Run>> = HashMap::new();
    for row in rows {
        let (run, _) = error::read(row)?;
        runs.entry(run.session_id).or_default().push(run);
    }
    Ok(runs)
}
