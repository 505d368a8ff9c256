//! What changes the database: one change within a transaction, with the events that it brings.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use windlass_application::ports::StoreError;
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;
use windlass_domain::run::{Run, Status};
use windlass_domain::slot::Caps;
use windlass_records::NewEvent;
use windlass_records::rows::ActiveDestination;

use crate::connection::Connection;
use crate::event_log;

/// A change under way. Statements go to the connection that it stands for.
pub(crate) struct Transaction<'connection> {
    connection: &'connection Connection,
    at: Timestamp,
    caps: Caps,
    trace_parent: Option<String>,
    events: Vec<NewEvent>,
    queued: HashMap<OrganizationId, i64>,
    /// Those that were read. A transaction that changes a destination reads none before its end.
    destinations: HashMap<OrganizationId, Arc<[ActiveDestination]>>,
    wakes: bool,
}

impl<'connection> Transaction<'connection> {
    pub(crate) fn new(
        connection: &'connection Connection,
        at: Timestamp,
        caps: Caps,
        trace_parent: Option<String>,
    ) -> Self {
        Self {
            connection,
            at,
            caps,
            trace_parent,
            events: Vec::new(),
            queued: HashMap::new(),
            destinations: HashMap::new(),
            wakes: false,
        }
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

    /// Keeps an event for the end, which writes them in the order of these calls.
    pub(crate) fn emit(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Notes that a run is queued now, or is not any more; the end counts it.
    pub(crate) fn count_queued(&mut self, before: Option<&Run>, after: &Run) {
        let is_queued = |run: &Run| i64::from(run.status() == Status::Queued);
        let change = is_queued(after) - before.map_or(0, is_queued);
        *self.queued.entry(after.organization_id).or_default() += change;
    }

    /// An organization's destinations that take events: of a scene read with it, so that one that is
    /// broken stops nobody else's.
    pub(crate) fn destinations(
        &mut self,
        organization_id: OrganizationId,
    ) -> Result<Arc<[ActiveDestination]>, StoreError> {
        if let Some(known) = self.destinations.get(&organization_id) {
            return Ok(Arc::clone(known));
        }
        let read = event_log::destinations(self, organization_id)?;
        self.destinations.insert(organization_id, Arc::clone(&read));
        Ok(read)
    }

    /// Has the dispatchers of deliveries look for what is due, once this is on the disk.
    pub(crate) fn wake_dispatchers(&mut self) {
        self.wakes = true;
    }

    /// Writes the events with their deliveries. Whether the dispatchers are woken.
    pub(crate) fn end(mut self) -> Result<bool, StoreError> {
        let events = std::mem::take(&mut self.events);
        let queued = std::mem::take(&mut self.queued);
        event_log::append(&mut self, events, &queued)?;
        Ok(self.wakes)
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
