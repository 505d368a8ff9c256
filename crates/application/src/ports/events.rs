//! Events, kept in the order of commits.

use async_trait::async_trait;
use windlass_domain::event::{Event, EventType};
use windlass_domain::id::{EventId, OrganizationId, RunId};

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

impl EventFilter {
    /// Whether an event is of one of the types and of the run; the range is not looked at.
    pub fn matches(&self, event: &Event) -> bool {
        (self.types.is_empty() || self.types.contains(&event.event_type))
            && (self.run_id.is_none() || self.run_id == event.data.run_id())
    }
}

/// Which end of a list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Newest first.
    NewestFirst,
    /// Oldest first.
    OldestFirst,
}

/// A place in the order of an organization's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventPlace {
    /// The number of the last event before it; 0 before the first.
    pub sequence: u64,
    /// That event; None before the first.
    pub id: Option<EventId>,
}

impl EventPlace {
    /// The place right behind an event.
    pub fn behind(event: &Event) -> Self {
        Self {
            sequence: event.sequence,
            id: Some(event.id),
        }
    }
}

/// What happened in one organization, in the order of commits; or why that cannot be told.
pub type News = (OrganizationId, Result<Vec<Event>, StoreError>);

/// Events. They are written with what they tell of.
///
/// Of one organization, whoever has read an event never finds one with a smaller number later: all
/// before it were committed.
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

    /// The place behind the newest event.
    async fn end_of_events(
        &self,
        organization: OrganizationContext,
    ) -> Result<EventPlace, StoreError>;

    /// The events whose number is larger than `sequence`, in its order, `at_most` so many. The
    /// filter's range of moments is left aside.
    async fn after(
        &self,
        organization: OrganizationContext,
        filter: EventFilter,
        sequence: u64,
        at_most: u32,
    ) -> Result<Vec<Event>, StoreError>;

    /// The same without a filter, for many organizations in one look, `at_most` so many of each.
    /// For the server's own work: it is told which organizations. Those without any are left out.
    async fn news(
        &self,
        since: &[(OrganizationId, u64)],
        at_most: u32,
    ) -> Result<Vec<News>, StoreError>;
}
