//! Which run is leased next: organizations in turn, in an organization by priority, then age. Each
//! pick is two looks into one index, whatever waits behind it.

use std::collections::{HashMap, HashSet};

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::pool::Pool;
use windlass_domain::run::Holder;
use windlass_records::columns::{HeldBy, Id};

use crate::error::store_error;

/// Above every priority: where a look at an organization's runs begins.
const FIRST: (i64, Uuid) = (10, Uuid::nil());

/// A run that may be leased.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picked {
    pub(super) run_id: RunId,
    pub(super) session_id: SessionId,
}

/// Picks runs of one pool, one after the other.
pub(super) struct Picks {
    pool: Pool,
    /// The runs whose sessions this start of a worker keeps, as `queue.held_by` has it.
    held_by: HeldBy,
    /// The one organization to pick from, if there is one.
    only: Option<OrganizationId>,
    /// The organization that was picked from last.
    last: Option<OrganizationId>,
    /// The last run picked of each organization, by priority and id: what was not leased then is
    /// not picked again.
    passed: HashMap<OrganizationId, (i64, Uuid)>,
    exhausted: HashSet<OrganizationId>,
}

impl Picks {
    pub(super) fn new(
        pool: Pool,
        holder: Holder,
        only: Option<OrganizationId>,
        last: Option<OrganizationId>,
    ) -> Self {
        Self {
            pool,
            held_by: HeldBy(Some(holder)),
            only,
            last,
            passed: HashMap::new(),
            exhausted: HashSet::new(),
        }
    }

    /// The organization that was picked from last, if one was.
    pub(super) fn last(&self) -> Option<OrganizationId> {
        self.last
    }

    /// The next run; None where no more may be leased.
    pub(super) async fn next(
        &mut self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Picked>, StoreError> {
        // Each round either picks, or exhausts an organization, or meets one for the second time.
        let mut met = HashSet::new();
        while let Some(organization_id) = self.next_organization(connection).await? {
            self.last = Some(organization_id);
            if !self.exhausted.contains(&organization_id) {
                if let Some(picked) = self.first_run(connection, organization_id).await? {
                    return Ok(Some(picked));
                }
                self.exhausted.insert(organization_id);
            }
            if !met.insert(organization_id) {
                break;
            }
        }
        Ok(None)
    }

    /// The organization whose turn is next: the first above the last one, or the first of all.
    async fn next_organization(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<OrganizationId>, StoreError> {
        if let Some(only) = self.only {
            return Ok(Some(only));
        }
        let last = self.last.map_or(Uuid::nil(), OrganizationId::uuid);
        match self.organization_above(&mut *connection, last).await? {
            Some(next) => Ok(Some(next)),
            None if last.is_nil() => Ok(None),
            None => self.organization_above(connection, Uuid::nil()).await,
        }
    }

    async fn organization_above(
        &self,
        connection: &mut SqliteConnection,
        last: Uuid,
    ) -> Result<Option<OrganizationId>, StoreError> {
        let next: Option<Id> = sqlx::query_scalar(
            "SELECT min(organization_id)
             FROM (
                 SELECT min(organization_id) AS organization_id
                 FROM queue
                 WHERE pool = ?1 AND held_by = x'' AND organization_id > ?3
                 UNION ALL
                 SELECT min(organization_id)
                 FROM queue
                 WHERE pool = ?1 AND held_by = ?2 AND organization_id > ?3
             )",
        )
        .bind(self.pool.as_str())
        .bind(self.held_by)
        .bind(Id(last))
        .fetch_one(connection)
        .await
        .map_err(store_error)?;
        Ok(next.map(|id| OrganizationId::from_uuid(id.0)))
    }

    async fn first_run(
        &mut self,
        connection: &mut SqliteConnection,
        organization_id: OrganizationId,
    ) -> Result<Option<Picked>, StoreError> {
        let (priority, run_id) = self.passed.get(&organization_id).copied().unwrap_or(FIRST);
        let row: Option<QueueRow> = sqlx::query_as(
            "SELECT run_id, session_id, priority
             FROM (
                 SELECT * FROM (
                     SELECT run_id, session_id, priority
                     FROM queue
                     WHERE pool = ?1 AND held_by = x'' AND organization_id = ?3
                       AND priority <= ?4 AND (priority < ?4 OR run_id > ?5)
                     ORDER BY priority DESC, run_id
                     LIMIT 1
                 )
                 UNION ALL
                 SELECT * FROM (
                     SELECT run_id, session_id, priority
                     FROM queue
                     WHERE pool = ?1 AND held_by = ?2 AND organization_id = ?3
                       AND priority <= ?4 AND (priority < ?4 OR run_id > ?5)
                     ORDER BY priority DESC, run_id
                     LIMIT 1
                 )
             )
             ORDER BY priority DESC, run_id
             LIMIT 1",
        )
        .bind(self.pool.as_str())
        .bind(self.held_by)
        .bind(Id(organization_id.uuid()))
        .bind(priority)
        .bind(Id(run_id))
        .fetch_optional(connection)
        .await
        .map_err(store_error)?;
        Ok(row.map(|row| {
            let passed = (row.priority, row.run_id.0);
            self.passed.insert(organization_id, passed);
            Picked {
                run_id: RunId::from_uuid(row.run_id.0),
                session_id: SessionId::from_uuid(row.session_id.0),
            }
        }))
    }
}

#[derive(FromRow)]
struct QueueRow {
    run_id: Id,
    session_id: Id,
    priority: i64,
}
