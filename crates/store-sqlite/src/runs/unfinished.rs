//! How many runs that are not final hold what a caller wants to delete.

use rusqlite::params;
use windlass_application::ports::StoreError;
use windlass_domain::id::{OrganizationId, SourceId, TaskId};
use windlass_records::columns::Id;

use crate::connection::Connection;

/// The count of an organization's runs that stand somewhere and meet one condition more. Finds
/// where they stand by stepping over the turns of `queue` and the workers of `live`: nobody can
/// write meanwhile, so it passes over what other organizations have there. The cross join has the
/// places found before any run is read.
macro_rules! count_unfinished {
    ($condition:literal) => {
        concat!(
            "WITH RECURSIVE turn (pool, held_by) AS (
                 SELECT *
                 FROM (SELECT pool, held_by FROM queue ORDER BY pool, held_by LIMIT 1)
                 UNION ALL
                 SELECT
                     (
                         SELECT queue.pool
                         FROM queue
                         WHERE (queue.pool, queue.held_by) > (turn.pool, turn.held_by)
                         ORDER BY queue.pool, queue.held_by
                         LIMIT 1
                     ),
                     (
                         SELECT queue.held_by
                         FROM queue
                         WHERE (queue.pool, queue.held_by) > (turn.pool, turn.held_by)
                         ORDER BY queue.pool, queue.held_by
                         LIMIT 1
                     )
                 FROM turn
                 WHERE turn.pool IS NOT NULL
             ),
             holder (worker_id) AS (
                 SELECT min(worker_id) FROM live
                 UNION ALL
                 SELECT (SELECT min(live.worker_id) FROM live WHERE live.worker_id > holder.worker_id)
                 FROM holder
                 WHERE holder.worker_id IS NOT NULL
             )
             SELECT count(*)
             FROM (
                 SELECT queue.run_id
                 FROM turn
                 CROSS JOIN queue
                   ON queue.pool = turn.pool AND queue.held_by = turn.held_by
                  AND queue.organization_id = ?1
                 UNION ALL
                 SELECT live.run_id
                 FROM holder
                 CROSS JOIN live
                   ON live.worker_id = holder.worker_id AND live.organization_id = ?1
                 UNION ALL SELECT run_id FROM parked WHERE organization_id = ?1
                 UNION ALL SELECT run_id FROM review WHERE organization_id = ?1
             ) AS unfinished
             CROSS JOIN run ON run.id = unfinished.run_id
             WHERE run.organization_id = ?1 AND ",
            $condition
        )
    };
}

/// What [`of_task`] asks.
pub(crate) const OF_TASK: &str = count_unfinished!("run.task_id = ?2");

/// What [`of_source`] asks.
const OF_SOURCE: &str = count_unfinished!("run.source_id = ?2");

/// How many runs of a task are not final.
pub(crate) fn of_task(
    connection: &Connection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<i64, StoreError> {
    count(connection, OF_TASK, organization_id, id.as_str())
}

/// How many runs at a source are not final.
pub(crate) fn of_source(
    connection: &Connection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<i64, StoreError> {
    count(connection, OF_SOURCE, organization_id, id.as_str())
}

fn count(
    connection: &Connection,
    statement: &'static str,
    organization_id: OrganizationId,
    id: &str,
) -> Result<i64, StoreError> {
    connection.only_value(statement, params![Id(organization_id.uuid()), id])
}
