//! What changes the database: one transaction, with the events that it brings.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use tokio::sync::Notify;
use windlass_application::ports::StoreError;
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;
use windlass_domain::run::{Run, Status};
use windlass_domain::slot::Caps;
use windlass_records::NewEvent;

use crate::event_log;
use crate::writer::Lent;

/// A transaction that has the write lock. Dropped before its commit, it has changed nothing.
pub(crate) struct Transaction {
    connection: Lent,
    at: Timestamp,
    caps: Caps,
    trace_parent: Option<String>,
    events: Vec<NewEvent>,
    queued: HashMap<OrganizationId, i64>,
    deliveries_written: Arc<Notify>,
}

impl Transaction {
    pub(crate) fn new(
        connection: Lent,
        at: Timestamp,
        caps: Caps,
        trace_parent: Option<String>,
        deliveries_written: Arc<Notify>,
    ) -> Self {
        Self {
            connection,
            at,
            caps,
            trace_parent,
            events: Vec::new(),
            queued: HashMap::new(),
            deliveries_written,
        }
    }

    /// Where statements of this transaction go.
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        self.connection.connection()
    }

    /// The moment of this transaction.
    pub(crate) fn at(&self) -> Timestamp {
        self.at
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
        let events = std::mem::take(&mut self.events);
        let deliveries = event_log::append(
            self.connection.connection(),
            events,
            &self.queued,
            self.trace_parent.as_deref(),
            self.at,
        )
        .await?;
        self.connection.keep().await?;
        if deliveries > 0 {
            self.deliveries_written.notify_one();
        }
        Ok(())
    }
}
