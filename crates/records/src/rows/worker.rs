//! How a worker stands in its row.

use std::time::Duration;

use windlass_application::ports::workers::GONE_AFTER;
use windlass_domain::Timestamp;
use windlass_domain::id::{OrganizationId, WorkerId};
use windlass_domain::lifecycle::SceneWorker;
use windlass_domain::run::{Epoch, Holder, Refusal};
use windlass_domain::session::SessionCommand;

use crate::columns::{At, Count, Id};

/// A worker's call is noted so often at most: one that only waits must cost no write a second.
pub(crate) const NOTED_EVERY: Duration = Duration::from_secs(15);

row! {
    /// A worker.
    pub struct WorkerRow {
        id: Id,
        organization_id: Option<Id>,
        incarnation: Count,
        draining: bool,
        last_seen_at: At,
        brought: Count,
    }
}

/// A worker with its latest start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// Its id.
    pub id: WorkerId,
    /// Whose; None is an embedded one.
    pub organization_id: Option<OrganizationId>,
    /// The number of its latest start.
    pub incarnation: u32,
    /// Whether that leases nothing any more.
    pub draining: bool,
    /// Its last call that was noted.
    pub last_seen_at: Timestamp,
    /// How many lease calls have brought that start runs.
    pub brought: u32,
}

impl From<WorkerRow> for Worker {
    fn from(row: WorkerRow) -> Self {
        Self {
            id: WorkerId::from_uuid(row.id.0),
            organization_id: row
                .organization_id
                .map(|id| OrganizationId::from_uuid(id.0)),
            incarnation: row.incarnation.0,
            draining: row.draining,
            last_seen_at: row.last_seen_at.0,
            brought: row.brought.0,
        }
    }
}

/// Whether a call at this moment is to be noted of a worker that was last noted then.
pub fn is_to_be_noted(last_seen_at: Timestamp, now: Timestamp) -> bool {
    now >= last_seen_at + NOTED_EVERY
}

impl Worker {
    /// Whether a call at this moment is to be noted.
    pub fn is_to_be_noted(&self, now: Timestamp) -> bool {
        is_to_be_noted(self.last_seen_at, now)
    }

    /// Whether nothing was heard of it for so long that it is gone.
    pub fn is_gone(&self, now: Timestamp) -> bool {
        now >= self.last_seen_at + GONE_AFTER
    }

    /// What a decision reads of it, over a session that `holder` has.
    pub fn in_scene(&self, holder: Holder) -> SceneWorker {
        if self.incarnation == holder.incarnation && !self.draining {
            SceneWorker::Stays
        } else {
            SceneWorker::Leaves
        }
    }

    /// What a session hears that `holder` keeps idle, where nobody leases runs in it any more.
    pub fn gives_up(&self, holder: Holder, now: Timestamp) -> Option<SessionCommand> {
        if self.incarnation != holder.incarnation || self.is_gone(now) {
            Some(SessionCommand::WorkerGone { holder })
        } else if self.draining {
            Some(SessionCommand::Drained { holder })
        } else {
            None
        }
    }

    /// The worker that was found, where `holder` is its latest start. The numbers of starts stand
    /// where a lease's epochs do: what an earlier start had is over.
    ///
    /// # Errors
    /// [`Refusal::LeaseLost`] where it is not.
    pub fn of_latest_start(found: Option<Self>, holder: Holder) -> Result<Self, Refusal> {
        let current = found
            .as_ref()
            .map_or(Epoch::NONE, |worker| Epoch(worker.incarnation));
        found
            .filter(|worker| worker.incarnation == holder.incarnation)
            .ok_or(Refusal::LeaseLost {
                given: Epoch(holder.incarnation),
                current,
            })
    }
}
