//! Events, read.

use async_trait::async_trait;
use windlass_application::ports::events::{EventFilter, Order};
use windlass_application::ports::{Events, StoreError};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::event::{Event, EventData};
use windlass_domain::id::{EventId, RunId};

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
            let wanted = own.map(|(_, event)| event.clone()).filter(|event| {
                (filter.types.is_empty() || filter.types.contains(&event.event_type))
                    && (filter.run_id.is_none() || filter.run_id == run_of(&event.data))
            });
            let key = |event: &Event| (event.id.created_at(), event.id.to_string());
            match order {
                Order::NewestFirst => page::newest_first(wanted, key, filter.created, &page),
                Order::OldestFirst => page::oldest_first(wanted, key, filter.created, &page),
            }
        })
        .await
    }
}

/// The run that an event tells of: its own status, or a file of it.
fn run_of(data: &EventData) -> Option<RunId> {
    match data {
        EventData::Run(run) => Some(run.id),
        EventData::File(file) => Some(file.run_id),
        EventData::Session(_)
        | EventData::Credential(_)
        | EventData::Agent(_)
        | EventData::Source(_)
        | EventData::Task(_)
        | EventData::Destination(_)
        | EventData::Delivery(_) => None,
    }
}
