//! What changes the database: one transaction, with the events that it brings.

use std::sync::Arc;

use sqlx::postgres::PgConnection;
use tokio::sync::Notify;
use windlass_application::ports::{Clock, StoreError};
use windlass_domain::Timestamp;
use windlass_records::NewEvent;

use crate::event_log;
use crate::open::OpenWrite;

/// A transaction of the store. Dropped before its commit, it has changed nothing.
pub(crate) struct Transaction {
    open: OpenWrite,
    clock: Arc<dyn Clock>,
    at: Timestamp,
    trace_parent: Option<String>,
    events: Vec<NewEvent>,
    deliveries_written: Arc<Notify>,
}

impl Transaction {
    pub(crate) fn new(
        open: OpenWrite,
        clock: Arc<dyn Clock>,
        trace_parent: Option<String>,
        deliveries_written: Arc<Notify>,
    ) -> Self {
        Self {
            open,
            at: clock.now(),
            clock,
            trace_parent,
            events: Vec::new(),
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

    /// The trace that this transaction belongs to.
    pub(crate) fn trace_parent(&self) -> Option<&str> {
        self.trace_parent.as_deref()
    }

    /// Keeps an event for the commit, which writes them in the order of these calls.
    pub(crate) fn emit(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Writes the events with their deliveries, and makes all of it true.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        let events = std::mem::take(&mut self.events);
        let trace_parent = self.trace_parent.as_deref();
        let deliveries = event_log::append(&mut self.open, events, trace_parent, self.at).await?;
        self.open.commit().await?;
        if deliveries > 0 {
            self.deliveries_written.notify_one();
        }
        Ok(())
    }
}
