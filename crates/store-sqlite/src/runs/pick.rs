//! Which run is leased next: organizations in turn, in an organization by priority, then age. Each
//! organization and each run is a look into one index, whatever waits behind it; they are read
//! several at once.

use std::collections::VecDeque;

use rusqlite::params;
use uuid::Uuid;
use windlass_application::ports::StoreError;
use windlass_application::ports::runs::LeaseRequest;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::pool::Pool;
use windlass_domain::run::Holder;
use windlass_domain::sealed::Sealed;
use windlass_records::columns::{HeldBy, Id};
use windlass_records::sqlite_row;

use crate::connection::Connection;

/// Above every priority: where a look at an organization's runs begins.
const FIRST: (i64, Uuid) = (10, Uuid::nil());

/// A run that may be leased.
#[derive(Debug, Clone)]
pub(super) struct Picked {
    pub(super) run_id: RunId,
    pub(super) session_id: SessionId,
    /// None where it is lost.
    pub(super) input: Option<Sealed>,
    /// The trace that its start was a part of.
    pub(super) trace_parent: Option<String>,
    priority: i64,
}

impl Picked {
    /// Those that this start of a worker has, as far as it does not say that it holds them.
    pub(super) fn held(
        connection: &Connection,
        request: &LeaseRequest,
    ) -> Result<Vec<Self>, StoreError> {
        let told = request.held.iter().map(|id| id.uuid().simple().to_string());
        let told: Vec<String> = told.collect();
        let rows: Vec<QueueRow> = connection.rows(
            "SELECT live.run_id AS run_id, live.session_id AS session_id, 0 AS priority, input,
                    trace_parent
             FROM live
             LEFT JOIN run_input ON run_input.run_id = live.run_id
             LEFT JOIN run ON run.id = live.run_id
             WHERE live.worker_id = ? AND live.incarnation = ?
               AND live.run_id NOT IN (SELECT unhex(value) FROM json_each(?))
             ORDER BY live.run_id",
            params![
                Id(request.holder.worker_id.uuid()),
                request.holder.incarnation,
                windlass_records::write(&told)
            ],
        )?;
        Ok(rows.into_iter().map(Self::from).collect())
    }
}

impl From<QueueRow> for Picked {
    fn from(row: QueueRow) -> Self {
        Self {
            run_id: RunId::from_uuid(row.run_id.0),
            session_id: SessionId::from_uuid(row.session_id.0),
            input: row.input.map(Sealed::from_bytes),
            trace_parent: row.trace_parent,
            priority: row.priority,
        }
    }
}

/// Picks runs of one pool, one after the other. They stay where they are, so that what was not leased
/// is not picked again.
pub(super) struct Picks {
    pool: Pool,
    /// The runs whose sessions this start of a worker keeps, as `queue.held_by` has it.
    held_by: HeldBy,
    /// The one organization to pick from, if there is one.
    only: Option<OrganizationId>,
    /// The organization that was picked from last.
    last: Option<OrganizationId>,
    /// How many are wanted, at most.
    capacity: usize,
    /// The organizations whose turns come next, once they are known.
    turns: Option<VecDeque<Turn>>,
}

/// An organization that has runs.
struct Turn {
    organization_id: OrganizationId,
    /// Those that were read and not picked yet.
    read: VecDeque<Picked>,
    /// The last one that was read, by priority and id.
    passed: (i64, Uuid),
    more: bool,
}

impl Picks {
    pub(super) fn new(
        pool: Pool,
        holder: Holder,
        only: Option<OrganizationId>,
        last: Option<OrganizationId>,
        capacity: usize,
    ) -> Self {
        Self {
            pool,
            held_by: HeldBy(Some(holder)),
            only,
            last,
            capacity,
            turns: None,
        }
    }

    /// The organization that was picked from last, if one was, in its pool.
    pub(super) fn into_turn(self) -> Option<(Pool, OrganizationId)> {
        self.last.map(|last| (self.pool, last))
    }

    /// The next run; None where no more may be leased.
    pub(super) fn next(&mut self, connection: &Connection) -> Result<Option<Picked>, StoreError> {
        if self.turns.is_none() {
            self.turns = Some(self.first_turns(connection)?);
        }
        loop {
            if let Some(picked) = self.next_read() {
                return Ok(Some(picked));
            }
            let mut turns = self.turns.take().unwrap_or_default();
            let share = self.capacity.div_ceil(turns.len().max(1));
            let is_over = match turns.front_mut() {
                Some(turn) => {
                    self.read(connection, turn, share)?;
                    false
                }
                None => true,
            };
            self.turns = Some(turns);
            if is_over {
                return Ok(None);
            }
        }
    }

    /// The next run, where it was read with another.
    fn next_read(&mut self) -> Option<Picked> {
        let turns = self.turns.as_mut()?;
        loop {
            let turn = turns.front_mut()?;
            if turn.read.is_empty() && turn.more {
                return None;
            }
            let mut turn = turns.pop_front()?;
            self.last = Some(turn.organization_id);
            if let Some(picked) = turn.read.pop_front() {
                turns.push_back(turn);
                return Some(picked);
            }
        }
    }

    /// The organizations from the one whose turn is next, as many as may be picked from.
    fn first_turns(&self, connection: &Connection) -> Result<VecDeque<Turn>, StoreError> {
        let organizations = match self.only {
            Some(only) => vec![only],
            None => {
                let last = self.last.map_or(Uuid::nil(), OrganizationId::uuid);
                let mut above = self.organizations_above(connection, last)?;
                if above.len() < self.capacity && !last.is_nil() {
                    let all = self.organizations_above(connection, Uuid::nil())?;
                    above.extend(all.into_iter().take_while(|id| id.uuid() <= last));
                }
                above.truncate(self.capacity);
                above
            }
        };
        let turns = organizations.into_iter().map(|organization_id| Turn {
            organization_id,
            read: VecDeque::new(),
            passed: FIRST,
            more: true,
        });
        Ok(turns.collect())
    }

    /// Organizations that have runs, in the order of their ids: one look into the index for each.
    fn organizations_above(
        &self,
        connection: &Connection,
        last: Uuid,
    ) -> Result<Vec<OrganizationId>, StoreError> {
        let found: Vec<Id> = connection.values(
            "WITH RECURSIVE turn (organization_id) AS (
                 SELECT ?
                 UNION ALL
                 SELECT (
                     SELECT min(organization_id)
                     FROM (
                         SELECT min(organization_id) AS organization_id
                         FROM queue
                         WHERE pool = ? AND held_by = x''
                           AND organization_id > turn.organization_id
                         UNION ALL
                         SELECT min(organization_id)
                         FROM queue
                         WHERE pool = ? AND held_by = ?
                           AND organization_id > turn.organization_id
                     )
                 )
                 FROM turn
                 WHERE organization_id IS NOT NULL
                 LIMIT ? + 1
             )
             SELECT organization_id
             FROM turn
             WHERE organization_id IS NOT NULL
             LIMIT -1 OFFSET 1",
            params![
                Id(last),
                self.pool.as_str(),
                self.pool.as_str(),
                self.held_by,
                i64::try_from(self.capacity).unwrap_or(i64::MAX - 1)
            ],
        )?;
        Ok(found
            .into_iter()
            .map(|id| OrganizationId::from_uuid(id.0))
            .collect())
    }

    /// Reads the next runs of an organization.
    fn read(
        &self,
        connection: &Connection,
        turn: &mut Turn,
        share: usize,
    ) -> Result<(), StoreError> {
        let organization_id = Id(turn.organization_id.uuid());
        let (priority, run_id) = (turn.passed.0, Id(turn.passed.1));
        let most = i64::try_from(share).unwrap_or(i64::MAX);
        let rows: Vec<QueueRow> = connection.rows(
            "SELECT picked.run_id AS run_id, picked.session_id AS session_id, priority, input,
                    trace_parent
             FROM (
                 SELECT * FROM (
                     SELECT run_id, session_id, priority
                     FROM queue
                     WHERE pool = ? AND held_by = x'' AND organization_id = ?
                       AND priority <= ? AND (priority < ? OR run_id > ?)
                     ORDER BY priority DESC, run_id
                     LIMIT ? + 0
                 )
                 UNION ALL
                 SELECT * FROM (
                     SELECT run_id, session_id, priority
                     FROM queue
                     WHERE pool = ? AND held_by = ? AND organization_id = ?
                       AND priority <= ? AND (priority < ? OR run_id > ?)
                     ORDER BY priority DESC, run_id
                     LIMIT ? + 0
                 )
             ) AS picked
             LEFT JOIN run_input ON run_input.run_id = picked.run_id
             LEFT JOIN run ON run.id = picked.run_id
             ORDER BY priority DESC, picked.run_id
             LIMIT ? + 0",
            params![
                self.pool.as_str(),
                organization_id,
                priority,
                priority,
                run_id,
                most,
                self.pool.as_str(),
                self.held_by,
                organization_id,
                priority,
                priority,
                run_id,
                most,
                most
            ],
        )?;
        turn.more = rows.len() == share;
        let picked = rows.into_iter().map(Picked::from);
        turn.read.extend(picked);
        if let Some(last) = turn.read.back() {
            turn.passed = (last.priority, last.run_id.uuid());
        }
        Ok(())
    }
}

sqlite_row! {
    struct QueueRow {
        run_id: Id,
        session_id: Id,
        priority: i64,
        input: Option<Vec<u8>>,
        trace_parent: Option<String>,
    }
}
