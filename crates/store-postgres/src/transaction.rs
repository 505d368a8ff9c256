//! What changes the database: one transaction, with the events that it brings.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::postgres::PgConnection;
use tokio::sync::Notify;
use windlass_application::ports::{Clock, StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;
use windlass_domain::run::{Run, Status};
use windlass_domain::slot::Caps;
use windlass_records::NewEvent;

use crate::event_log::{self, Appended};
use crate::open::OpenWrite;

/// A transaction of the store. Dropped before its commit, it has changed nothing.
pub(crate) struct Transaction {
    open: OpenWrite,
    clock: Arc<dyn Clock>,
    at: Timestamp,
    caps: Caps,
    trace_parent: Option<String>,
    events: Vec<NewEvent>,
    queued: HashMap<OrganizationId, i64>,
    deliveries_written: Arc<Notify>,
}

impl Transaction {
    pub(crate) fn new(
        open: OpenWrite,
        clock: Arc<dyn Clock>,
        caps: Caps,
        trace_parent: Option<String>,
        deliveries_written: Arc<Notify>,
    ) -> Self {
        Self {
            open,
            at: clock.now(),
            clock,
            caps,
            trace_parent,
            events: Vec::new(),
            queued: HashMap::new(),
            deliveries_written,
        }
    }

    /// Where statements of this transaction go.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.open
    }

    /// The moment of this transaction.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
    }

    /// The transaction has what it waited for: its moment is now, so that the moments of what it
    /// locks follow the order of commits.
    pub(crate) fn has_waited(&mut self) {
        self.at = self.clock.now();
    }

    /// What each organization may have.
    pub(crate) fn caps(&self) -> Caps {
        self.caps
    }

    /// The trace that this transaction belongs to.
    pub(crate) fn trace_parent(&self) -> Option<&str> {
        self.trace_parent.as_deref()
    }

    /// Keeps an event for the commit, which writes them in the order of these calls.
    pub(crate) fn emit(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Notes that a run is queued now, or is not any more; the commit counts it.
    pub(crate) fn count_queued(&mut self, before: Option<&Run>, after: &Run) {
        let is_queued = |run: &Run| i64::from(run.status() == Status::Queued);
        let change = is_queued(after) - before.map_or(0, is_queued);
        *self.queued.entry(after.organization_id).or_default() += change;
    }

    /// Writes the events with their deliveries, and makes all of it true.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let appended = self.append().await?;
        self.finish(appended).await
    }

    /// As [`Self::commit`], of a start.
    ///
    /// # Errors
    /// `Exceeded` where it would leave its organization with more queued runs than it may have.
    pub(crate) async fn commit_start(
        mut self,
        organization_id: OrganizationId,
    ) -> Result<(), WriteError> {
        let appended = self.append().await?;
        if let Some(queued) = appended.queued.get(&organization_id) {
            self.caps.admit_queued(*queued)?;
        }
        Ok(self.finish(appended).await?)
    }

    async fn append(&mut self) -> Result<Appended, StoreError> {
        let events = std::mem::take(&mut self.events);
        let trace_parent = self.trace_parent.as_deref();
        event_log::append(&mut self.open, events, &self.queued, trace_parent, self.at).await
    }

    async fn finish(self, appended: Appended) -> Result<(), StoreError> {
        self.open.commit().await?;
        if appended.deliveries > 0 {
            self.deliveries_written.notify_one();
        }
        Ok(())
    }
}
