//! Events, kept in the order of commits.

use async_trait::async_trait;
use windlass_domain::event::{Event, EventType};
use windlass_domain::id::{EventId, RunId};

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::StoreError;
use crate::write::OrganizationContext;

/// Which events to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// Of one of these types; empty is any.
    pub types: Vec<EventType>,
    /// Of this run: its own and its files'.
    pub run_id: Option<RunId>,
    /// Of this range.
    pub created: Created,
}

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    NewestFirst,
    /// Oldest first.
    OldestFirst,
}

/// Events. They are written with what they tell of.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Events: Send + Sync {
    /// The event of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: EventId,
    ) -> Result<Option<Event>, StoreError>;

    /// Events.
    async fn list(
        &self,
        organization: OrganizationContext,
        filter: EventFilter,
        order: Order,
        page: PageRequest,
    ) -> Result<Page<Event>, StoreError>;
}
