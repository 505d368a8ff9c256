//! Events, read.

use async_trait::async_trait;
use windlass_application::ports::events::{EventFilter, EventPlace, News, Order};
use windlass_application::ports::{Events, StoreError};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::event::Event;
use windlass_domain::id::{EventId, OrganizationId};

use super::MemoryStore;
use super::page;

#[async_trait]
impl Events for MemoryStore {
    async fn get(
        &self,
        organization: OrganizationContext,
        id: EventId,
    ) -> Result<Option<Event>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Events::get", |state| {
            let mut events = state.events.iter();
            let found = events.find(|(owner, event)| *owner == organization_id && event.id == id);
            found.map(|(_, event)| event.clone())
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: EventFilter,
        order: Order,
        page: PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Events::list", |state| {
            let events = state.events.iter();
            let own = events.filter(|(owner, _)| *owner == organization_id);
            let wanted = own.map(|(_, event)| event.clone());
            let wanted = wanted.filter(|event| filter.matches(event));
            let key = |event: &Event| (event.id.created_at(), event.id.to_string());
            match order {
                Order::NewestFirst => page::newest_first(wanted, key, filter.created, &page),
                Order::OldestFirst => page::oldest_first(wanted, key, filter.created, &page),
            }
        })
        .await
    }

    async fn end_of_events(
        &self,
        organization: OrganizationContext,
    ) -> Result<EventPlace, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Events::end_of_events", |state| {
            let events = state.events.iter();
            let own = events.filter(|(owner, _)| *owner == organization_id);
            let newest = own
                .map(|(_, event)| event)
                .max_by_key(|event| event.sequence);
            newest.map(EventPlace::behind).unwrap_or_default()
        })
        .await
    }

    async fn after(
        &self,
        organization: OrganizationContext,
        filter: EventFilter,
        sequence: u64,
        at_most: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Events::after", |state| {
            let mut events = after(&state.events, organization_id, sequence);
            events.retain(|event| filter.matches(event));
            events.truncate(limit(at_most));
            events
        })
        .await
    }

    async fn news(
        &self,
        since: &[(OrganizationId, u64)],
        at_most: u32,
    ) -> Result<Vec<News>, StoreError> {
        self.read("Events::news", |state| {
            let news = since.iter().map(|(organization_id, sequence)| {
                let mut events = after(&state.events, *organization_id, *sequence);
                events.truncate(limit(at_most));
                (*organization_id, Ok(events))
            });
            news.filter(|(_, events)| !matches!(events, Ok(events) if events.is_empty()))
                .collect()
        })
        .await
    }
}

fn after(
    events: &[(OrganizationId, Event)],
    organization_id: OrganizationId,
    sequence: u64,
) -> Vec<Event> {
    let own = events.iter().filter(|(owner, _)| *owner == organization_id);
    let after = own.filter(|(_, event)| event.sequence > sequence);
    let mut after: Vec<Event> = after.map(|(_, event)| event.clone()).collect();
    after.sort_by_key(|event| event.sequence);
    after
}

fn limit(at_most: u32) -> usize {
    usize::try_from(at_most).unwrap_or(usize::MAX)
}
