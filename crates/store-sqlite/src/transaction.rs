//! What changes the database: one transaction, with the events that it brings.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use tokio::sync::Notify;
use windlass_application::ports::StoreError;
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;
use windlass_domain::run::{Run, Status};
use windlass_domain::slot::Caps;
use windlass_records::NewEvent;

use crate::event_log::{self, Feed};
use crate::lent::Lent;
use crate::pending::Binding;

/// A transaction that has the write lock. Dropped before its commit, it has changed nothing.
pub(crate) struct Transaction {
    connection: Lent,
    at: Timestamp,
    caps: Caps,
    trace_parent: Option<String>,
    events: Vec<NewEvent>,
    queued: HashMap<OrganizationId, i64>,
    /// Those that are known. A transaction that changes a destination reads none before its end.
    feeds: HashMap<OrganizationId, Feed>,
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
            feeds: HashMap::new(),
            deliveries_written,
        }
    }

    /// Where statements of this transaction go whose outcome is asked for.
    pub(crate) async fn connection(&mut self) -> Result<&mut SqliteConnection, StoreError> {
        self.connection.connection().await
    }

    /// Adds a statement that changes rows and brings nothing back. Such statements are sent together.
    pub(crate) fn then(&mut self, statement: &'static str) -> Binding<'_> {
        self.connection.then(statement)
    }

    /// Adds a statement that reads, for [`Self::read`].
    pub(crate) fn ask(&mut self, statement: &'static str) -> Binding<'_> {
        self.connection.ask(statement)
    }

    /// Answers the rows of the last `count` statements, which were added to be read.
    pub(crate) async fn read(&mut self, count: usize) -> Result<Vec<Vec<SqliteRow>>, StoreError> {
        self.connection.read(count).await
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

    /// Keeps what was read of an organization's feed, for the commit.
    pub(crate) fn know_feed(&mut self, organization_id: OrganizationId, feed: Feed) {
        self.feeds.insert(organization_id, feed);
    }

    /// What was read of an organization's feed, if it was.
    pub(crate) fn feed(&mut self, organization_id: OrganizationId) -> Option<Feed> {
        self.feeds.remove(&organization_id)
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
        let queued = std::mem::take(&mut self.queued);
        let deliveries = event_log::append(&mut self, events, &queued).await?;
        self.connection.keep().await?;
        if deliveries > 0 {
            self.deliveries_written.notify_one();
        }
        Ok(())
    }
}
