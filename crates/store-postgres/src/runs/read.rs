//! Runs, read one by one.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;
use uuid::Uuid;
use windlass_application::OrganizationContext;
use windlass_application::ports::StoreError;
use windlass_application::ports::runs::RunView;
use windlass_application::ports::sessions::SHOWN_RUNS;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::run::{Holder, Run, Status};
use windlass_domain::sealed::Sealed;
use windlass_records::columns::{Count, Id};
use windlass_records::rows::{RunRow, ViewRow};
use windlass_records::{select_runs, select_views};

use crate::error::{self, store_error};
use crate::store::PostgresStore;

pub(super) async fn get(
    store: &PostgresStore,
    organization: OrganizationContext,
    run_id: RunId,
) -> Result<Option<RunView>, StoreError> {
    let mut open = store.read(organization).await?;
    let row: Option<ViewRow> = sqlx::query_as(select_views!(
        "WHERE run.id = $1 AND run.organization_id = $2"
    ))
    .bind(Id(run_id.uuid()))
    .bind(Id(organization.organization_id().uuid()))
    .fetch_optional(&mut *open)
    .await
    .map_err(store_error)?;
    row.map(error::read).transpose()
}

pub(super) async fn input(
    store: &PostgresStore,
    organization: OrganizationContext,
    run_id: RunId,
) -> Result<Option<Sealed>, StoreError> {
    let mut open = store.read(organization).await?;
    let input: Option<Vec<u8>> = sqlx::query_scalar(
        "SELECT run_input.input
         FROM run
         JOIN run_input ON run_input.run_id = run.id
         WHERE run.id = $1 AND run.organization_id = $2",
    )
    .bind(Id(run_id.uuid()))
    .bind(Id(organization.organization_id().uuid()))
    .fetch_optional(&mut *open)
    .await
    .map_err(store_error)?;
    Ok(input.map(Sealed::from_bytes))
}

pub(super) async fn of_status(
    store: &PostgresStore,
    run_ids: &[RunId],
    statuses: &[Status],
) -> Result<Vec<RunId>, StoreError> {
    if run_ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = run_ids.iter().map(|id| id.uuid()).collect();
    let statuses: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
    let found: Vec<Id> =
        sqlx::query_scalar("SELECT id FROM run WHERE id = ANY($1) AND status = ANY($2)")
            .bind(ids)
            .bind(statuses)
            .fetch_all(store.pool())
            .await
            .map_err(store_error)?;
    Ok(found.into_iter().map(|id| RunId::from_uuid(id.0)).collect())
}

/// Two looks for each, whatever the planner takes the tables for.
pub(super) async fn not_held_by(
    store: &PostgresStore,
    organization: Option<OrganizationContext>,
    holder: Holder,
    (run_ids, statuses): (&[RunId], &[Status]),
) -> Result<Vec<RunId>, StoreError> {
    if run_ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = run_ids.iter().map(|id| id.uuid()).collect();
    let statuses: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
    let organization_id = organization.map(OrganizationContext::organization_id);
    let found: Vec<Id> = sqlx::query_scalar(
        "SELECT wanted.id
         FROM unnest($5::uuid[]) AS wanted (id)
         WHERE NOT coalesce((
                   SELECT run.status = ANY($4)
                   FROM live, LATERAL (SELECT status FROM run WHERE run.id = live.run_id LIMIT 1) AS run
                   WHERE live.run_id = wanted.id AND live.worker_id = $1 AND live.incarnation = $2
                     AND ($3 IS NULL OR live.organization_id = $3)
               ), false)",
    )
    .bind(Id(holder.worker_id.uuid()))
    .bind(Count(holder.incarnation))
    .bind(organization_id.map(|id| Id(id.uuid())))
    .bind(statuses)
    .bind(ids)
    .fetch_all(store.pool())
    .await
    .map_err(store_error)?;
    Ok(found.into_iter().map(|id| RunId::from_uuid(id.0)).collect())
}

/// It is read from what the worker holds, however many runs of such a status there are.
pub(super) async fn held_by(
    store: &PostgresStore,
    organization: Option<OrganizationContext>,
    holder: Holder,
    statuses: &[Status],
) -> Result<Vec<RunId>, StoreError> {
    let statuses: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
    let organization_id = organization.map(OrganizationContext::organization_id);
    let found: Vec<Id> = sqlx::query_scalar(
        "SELECT id
         FROM run
         WHERE id = ANY(ARRAY(
                   SELECT run_id
                   FROM live
                   WHERE worker_id = $1 AND incarnation = $2
                     AND ($3 IS NULL OR organization_id = $3)
               ))
           AND status = ANY($4)",
    )
    .bind(Id(holder.worker_id.uuid()))
    .bind(Count(holder.incarnation))
    .bind(organization_id.map(|id| Id(id.uuid())))
    .bind(statuses)
    .fetch_all(store.pool())
    .await
    .map_err(store_error)?;
    Ok(found.into_iter().map(|id| RunId::from_uuid(id.0)).collect())
}

pub(super) async fn organization_of(
    store: &PostgresStore,
    run_id: RunId,
) -> Result<Option<OrganizationId>, StoreError> {
    let id: Option<Id> = sqlx::query_scalar("SELECT organization_id FROM run WHERE id = $1")
        .bind(Id(run_id.uuid()))
        .fetch_optional(store.pool())
        .await
        .map_err(store_error)?;
    Ok(id.map(|id| OrganizationId::from_uuid(id.0)))
}

/// The newest runs of a session, newest first.
pub(crate) async fn of_session(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    session_id: SessionId,
) -> Result<Vec<Run>, StoreError> {
    let rows: Vec<RunRow> = sqlx::query_as(select_runs!(
        "",
        "WHERE run.session_id = $1 AND run.organization_id = $2 ORDER BY run.id DESC LIMIT $3"
    ))
    .bind(Id(session_id.uuid()))
    .bind(Id(organization_id.uuid()))
    .bind(i64::from(SHOWN_RUNS))
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    rows.into_iter()
        .map(|row| error::read(row).map(|(run, _)| run))
        .collect()
}

/// The newest runs of each of these sessions, newest first; in one statement, however many they are.
/// The array keeps the planner from a join, for which it would read all runs.
pub(crate) async fn of_sessions(
    connection: &mut PgConnection,
    organization_id: OrganizationId,
    session_ids: &[SessionId],
) -> Result<HashMap<SessionId, Vec<Run>>, StoreError> {
    let ids: Vec<Uuid> = session_ids.iter().map(|id| id.uuid()).collect();
    let rows: Vec<RunRow> = sqlx::query_as(select_runs!(
        "",
        "WHERE run.id = ANY(ARRAY(
             SELECT newest.id
             FROM unnest($1) AS wanted (session_id)
             CROSS JOIN LATERAL (
                 SELECT of_session.id
                 FROM run AS of_session
                 WHERE of_session.organization_id = $2
                   AND of_session.session_id = wanted.session_id
                 ORDER BY of_session.id DESC
                 LIMIT $3
             ) AS newest
         ))
         ORDER BY run.id DESC"
    ))
    .bind(ids)
    .bind(Id(organization_id.uuid()))
    .bind(i64::from(SHOWN_RUNS))
    .fetch_all(connection)
    .await
    .map_err(store_error)?;
    let mut runs: HashMap<SessionId, Vec<Run>> = HashMap::new();
    for row in rows {
        let (run, _) = error::read(row)?;
        runs.entry(run.session_id).or_default().push(run);
    }
    Ok(runs)
}
