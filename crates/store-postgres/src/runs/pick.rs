//! Which runs are leased next: organizations in turn, in an organization by priority, then age. A
//! pick costs looks into one index for what it brings, whatever waits behind it.

use std::collections::{HashMap, HashSet};

use sqlx::FromRow;
use sqlx::postgres::PgConnection;
use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::pool::Pool;
use windlass_domain::run::Holder;
use windlass_records::columns::{HeldBy, Id};

use crate::error::store_error;

/// A run that may be leased, whose row in `queue` nobody else takes until the end of the
/// transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picked {
    pub(super) run_id: RunId,
    pub(super) session_id: SessionId,
    pub(super) organization_id: OrganizationId,
}

/// Picks runs of one pool, some at a time.
pub(super) struct Picks {
    pool: Pool,
    /// The runs whose sessions this start of a worker keeps, as `queue.held_by` has it.
    held_by: HeldBy,
    /// The one organization to pick from, if there is one.
    only: Option<OrganizationId>,
    /// The organization that was picked from last.
    last: Option<OrganizationId>,
    /// The runs picked: what was not leased then is not picked again.
    passed: Vec<Uuid>,
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
            passed: Vec::new(),
            exhausted: HashSet::new(),
        }
    }

    /// Up to so many runs, each organization's share of them; none where no more may be leased.
    pub(super) async fn next(
        &mut self,
        connection: &mut PgConnection,
        count: usize,
    ) -> Result<Vec<Picked>, StoreError> {
        // Each round either picks, or exhausts the organizations whose turn it was.
        loop {
            let turn = self.turn(connection, count).await?;
            if turn.is_empty() {
                return Ok(Vec::new());
            }
            let share = count.div_ceil(turn.len());
            let rows = self.pick(connection, &turn, share).await?;
            let mut by_organization: HashMap<OrganizationId, Vec<Picked>> = HashMap::new();
            for picked in rows {
                let of_one = by_organization.entry(picked.organization_id).or_default();
                of_one.push(picked);
            }
            for organization_id in &turn {
                let found = by_organization.get(organization_id).map_or(0, Vec::len);
                if found < share {
                    self.exhausted.insert(*organization_id);
                }
            }
            let picked = one_each_in_turn(&turn, &by_organization, count);
            if let Some(last) = picked.last() {
                self.last = Some(last.organization_id);
                self.passed
                    .extend(picked.iter().map(|picked| picked.run_id.uuid()));
                return Ok(picked);
            }
        }
    }

    /// Whether there is anything to pick, without taking it.
    pub(super) async fn is_empty(&self, connection: &mut PgConnection) -> Result<bool, StoreError> {
        Ok(self.turn(connection, 1).await?.is_empty())
    }

    /// The next organizations whose turn it is, each once: those above the last one, then from the
    /// first.
    async fn turn(
        &self,
        connection: &mut PgConnection,
        count: usize,
    ) -> Result<Vec<OrganizationId>, StoreError> {
        // The exhausted ones are looked at as well.
        let looks = count + self.exhausted.len();
        let last = self.last.map_or(Uuid::nil(), OrganizationId::uuid);
        let mut turn = self.organizations_above(connection, last, looks).await?;
        if turn.len() < looks && !last.is_nil() && self.only.is_none() {
            let looks = looks - turn.len();
            let mut first = self
                .organizations_above(connection, Uuid::nil(), looks)
                .await?;
            first.retain(|id| id.uuid() <= last);
            turn.extend(first);
        }
        turn.retain(|id| !self.exhausted.contains(id));
        turn.truncate(count);
        Ok(turn)
    }

    /// The next organizations that have runs in the queue for this worker. One look into the index
    /// for each, over all that wait behind its first run.
    async fn organizations_above(
        &self,
        connection: &mut PgConnection,
        last: Uuid,
        looks: usize,
    ) -> Result<Vec<OrganizationId>, StoreError> {
        let rows: Vec<Id> = match self.only {
            Some(only) => {
                sqlx::query_scalar(
                    "SELECT organization_id
                     FROM (
                         (SELECT organization_id FROM queue
                          WHERE pool = $1 AND held_by = '' AND organization_id = $3 LIMIT 1)
                         UNION ALL
                         (SELECT organization_id FROM queue
                          WHERE pool = $1 AND held_by = $2 AND organization_id = $3 LIMIT 1)
                     ) AS found
                     LIMIT 1",
                )
                .bind(self.pool.as_str())
                .bind(self.held_by)
                .bind(Id(only.uuid()))
                .fetch_all(connection)
                .await
            }
            None => {
                sqlx::query_scalar(
                    "WITH RECURSIVE turn (organization_id, place) AS (
                         SELECT $3::uuid, 0::bigint
                         UNION ALL
                         SELECT least(
                             (SELECT organization_id FROM queue
                              WHERE pool = $1 AND held_by = ''
                                AND organization_id > turn.organization_id
                              ORDER BY organization_id LIMIT 1),
                             (SELECT organization_id FROM queue
                              WHERE pool = $1 AND held_by = $2
                                AND organization_id > turn.organization_id
                              ORDER BY organization_id LIMIT 1)
                         ), place + 1
                         FROM turn
                         WHERE organization_id IS NOT NULL AND place < $4
                     )
                     SELECT organization_id
                     FROM turn
                     WHERE place > 0 AND organization_id IS NOT NULL
                     ORDER BY place",
                )
                .bind(self.pool.as_str())
                .bind(self.held_by)
                .bind(Id(last))
                .bind(number(looks))
                .fetch_all(connection)
                .await
            }
        }
        .map_err(store_error)?;
        Ok(rows
            .into_iter()
            .map(|id| OrganizationId::from_uuid(id.0))
            .collect())
    }

    /// Up to `share` runs of each of these organizations, by priority, then age, without those
    /// that somebody else takes now.
    async fn pick(
        &self,
        connection: &mut PgConnection,
        turn: &[OrganizationId],
        share: usize,
    ) -> Result<Vec<Picked>, StoreError> {
        let ids: Vec<Uuid> = turn.iter().map(|id| id.uuid()).collect();
        let rows: Vec<QueueRow> = sqlx::query_as(
            "SELECT turn.organization_id, picked.run_id, picked.session_id
             FROM unnest($3::uuid[]) WITH ORDINALITY AS turn (organization_id, place)
             CROSS JOIN LATERAL (
                 SELECT run_id, session_id, priority
                 FROM (
                     SELECT * FROM (
                         SELECT run_id, session_id, priority
                         FROM queue
                         WHERE pool = $1 AND held_by = ''
                           AND organization_id = turn.organization_id AND run_id <> ALL($5)
                         ORDER BY priority DESC, run_id
                         LIMIT $4
                         FOR UPDATE SKIP LOCKED
                     ) AS free
                     UNION ALL
                     SELECT * FROM (
                         SELECT run_id, session_id, priority
                         FROM queue
                         WHERE pool = $1 AND held_by = $2
                           AND organization_id = turn.organization_id AND run_id <> ALL($5)
                         ORDER BY priority DESC, run_id
                         LIMIT $4
                         FOR UPDATE SKIP LOCKED
                     ) AS kept
                 ) AS either
                 ORDER BY priority DESC, run_id
                 LIMIT $4
             ) AS picked
             ORDER BY turn.place, picked.priority DESC, picked.run_id",
        )
        .bind(self.pool.as_str())
        .bind(self.held_by)
        .bind(ids)
        .bind(number(share))
        .bind(&self.passed)
        .fetch_all(connection)
        .await
        .map_err(store_error)?;
        Ok(rows
            .into_iter()
            .map(|row| Picked {
                run_id: RunId::from_uuid(row.run_id.0),
                session_id: SessionId::from_uuid(row.session_id.0),
                organization_id: OrganizationId::from_uuid(row.organization_id.0),
            })
            .collect())
    }
}

#[derive(FromRow)]
struct QueueRow {
    organization_id: Id,
    run_id: Id,
    session_id: Id,
}

/// Up to `count` of these: the first of each organization in turn, then the second, and so on.
fn one_each_in_turn(
    turn: &[OrganizationId],
    by_organization: &HashMap<OrganizationId, Vec<Picked>>,
    count: usize,
) -> Vec<Picked> {
    let longest = by_organization.values().map(Vec::len).max().unwrap_or(0);
    (0..longest)
        .flat_map(|rank| {
            turn.iter()
                .filter_map(move |id| by_organization.get(id)?.get(rank).copied())
        })
        .take(count)
        .collect()
}

/// A count as statements take it.
fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
