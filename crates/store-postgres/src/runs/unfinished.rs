//! How many runs that are not final hold what a caller wants to delete.

use sqlx::postgres::PgConnection;
use windlass_application::ports::StoreError;
use windlass_domain::id::{OrganizationId, SourceId, TaskId};
use windlass_records::columns::Id;

use crate::error::store_error;

/// The count of an organization's runs that stand somewhere and meet one condition more. Finds
/// where they stand by stepping over the turns of `queue` and the workers of `live`: it reads what
/// is the organization's, and one row of each turn and worker, however many runs of others stand
/// there. The ids are an array and no join, so that they are found before any run is read. Needs to
/// see everybody's rows, and so the role of their owner.
macro_rules! count_unfinished {
    ($condition:literal) => {
        concat!(
            "WITH RECURSIVE turn (pool, held_by) AS (
                 (
                     SELECT pool, held_by
                     FROM queue
                     ORDER BY pool, held_by, organization_id, priority DESC, run_id
                     LIMIT 1
                 )
                 UNION ALL
                 SELECT next.pool, next.held_by
                 FROM turn
                 CROSS JOIN LATERAL (
                     SELECT queue.pool, queue.held_by
                     FROM queue
                     WHERE (queue.pool, queue.held_by) > (turn.pool, turn.held_by)
                     ORDER BY queue.pool, queue.held_by, queue.organization_id,
                              queue.priority DESC, queue.run_id
                     LIMIT 1
                 ) AS next
             ),
             holder (worker_id) AS (
                 (SELECT worker_id FROM live ORDER BY worker_id, organization_id LIMIT 1)
                 UNION ALL
                 SELECT next.worker_id
                 FROM holder
                 CROSS JOIN LATERAL (
                     SELECT live.worker_id
                     FROM live
                     WHERE live.worker_id > holder.worker_id
                     ORDER BY live.worker_id, live.organization_id
                     LIMIT 1
                 ) AS next
             )
             SELECT count(*)
             FROM run
             WHERE run.organization_id = $1
               AND ",
            $condition,
            " AND run.id = ANY(ARRAY(
                     SELECT queue.run_id
                     FROM turn
                     JOIN queue
                       ON queue.pool = turn.pool AND queue.held_by = turn.held_by
                      AND queue.organization_id = $1
                     UNION ALL
                     SELECT live.run_id
                     FROM holder
                     JOIN live
                       ON live.worker_id = holder.worker_id AND live.organization_id = $1
                     UNION ALL SELECT run_id FROM parked WHERE organization_id = $1
                     UNION ALL SELECT run_id FROM review WHERE organization_id = $1
                 ))"
        )
    };
}

/// How many runs of a task are not final.
pub(crate) async fn of_task(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &TaskId,
) -> Result<i64, StoreError> {
    count(
        connection,
        count_unfinished!("run.task_id = $2"),
        organization_id,
        id.as_str(),
    )
    .await
}

/// How many runs at a source are not final.
pub(crate) async fn of_source(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    id: &SourceId,
) -> Result<i64, StoreError> {
    count(
        connection,
        count_unfinished!("run.source_id = $2"),
        organization_id,
        id.as_str(),
    )
    .await
}

async fn count(
    connection: &mut PgConnection,
    statement: &'static str,
    organization_id: OrganizationId,
    id: &str,
) -> Result<i64, StoreError> {
    sqlx::query_scalar(statement)
        .bind(Id(organization_id.uuid()))
        .bind(id)
        .fetch_one(connection)
        .await
        .map_err(store_error)
}
