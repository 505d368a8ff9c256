//! Event destinations, kept.

use async_trait::async_trait;
use windlass_application::ports::destinations::Rotate;
use windlass_application::ports::{Destinations, StoreError, WriteError};
use windlass_application::{
    Created, OrganizationContext, Outcome, Page, PageRequest, Write, Written,
};
use windlass_domain::delivery::DeliveryState;
use windlass_domain::destination::{Destination, DestinationEdit, WebhookEdit};
use windlass_domain::event::EventData;
use windlass_domain::id::DestinationId;

use super::MemoryStore;
use super::page;
use super::write::Change;

#[async_trait]
impl Destinations for MemoryStore {
    async fn create(
        &self,
        write: Write,
        destination: Destination,
    ) -> Result<Written<Destination>, WriteError> {
        let act = |change: Change<'_>| {
            let kept = (change.organization_id, destination.clone());
            change.state.destinations.insert(destination.id, kept);
            Ok(destination)
        };
        self.write("Destinations::create", write, act, |it| {
            Outcome::Destination(it)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: DestinationId,
    ) -> Result<Option<Destination>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Destinations::get", |state| {
            let kept = state.destinations.get(&id);
            kept.filter(|(owner, _)| *owner == organization_id)
                .map(|(_, destination)| destination.clone())
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        created: Created,
        page: PageRequest,
    ) -> Result<Page<Destination>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Destinations::list", |state| {
            let all = state.destinations.values();
            let own = all.filter(|(owner, _)| *owner == organization_id);
            let own = own.map(|(_, destination)| destination.clone());
            let key = |it: &Destination| (it.id.created_at(), it.id.to_string());
            page::newest_first(own, key, created, &page)
        })
        .await
    }

    async fn update(
        &self,
        write: Write,
        id: DestinationId,
        edit: DestinationEdit,
    ) -> Result<Written<Destination>, WriteError> {
        let act = |change: Change<'_>| {
            let before = change.destination(id)?;
            let Some(edited) = before.edited(&edit, change.at) else {
                return Ok(before);
            };
            let kept = (change.organization_id, edited.clone());
            change.state.destinations.insert(id, kept);
            if let Some(event_type) = edited.event_since(&before) {
                change.state.failing.remove(&id);
                let event = EventData::Destination(edited.clone());
                change.emit(event_type, edited.updated_at, event);
            }
            Ok(edited)
        };
        let written = self
            .write("Destinations::update", write, act, |it| {
                Outcome::Destination(it)
            })
            .await;
        // One that is active again may have something pending.
        self.shared.deliveries_written.notify_one();
        written
    }

    async fn rotate_secret(
        &self,
        write: Write,
        id: DestinationId,
        rotate: Rotate,
    ) -> Result<Written<Destination>, WriteError> {
        let act = |change: Change<'_>| {
            let before = change.destination(id)?;
            let edit = DestinationEdit {
                webhook: WebhookEdit {
                    secret: Some(rotate(&before, change.at)?),
                    ..WebhookEdit::default()
                },
                ..DestinationEdit::default()
            };
            let edited = before.edited(&edit, change.at).unwrap_or(before);
            let kept = (change.organization_id, edited.clone());
            change.state.destinations.insert(id, kept);
            Ok(edited)
        };
        self.write("Destinations::rotate_secret", write, act, |it| {
            Outcome::Destination(it)
        })
        .await
    }

    async fn delete(&self, write: Write, id: DestinationId) -> Result<Written<()>, WriteError> {
        let act = |change: Change<'_>| {
            let owner = change.organization_id;
            let kept = change.state.destinations.get(&id);
            if kept.is_none_or(|(of, _)| *of != owner) {
                return Err(WriteError::NotFound);
            }
            change.state.destinations.remove(&id);
            let deliveries = &mut change.state.deliveries;
            deliveries.retain(|_, kept| {
                kept.view.delivery.destination_id != id
                    || matches!(kept.view.delivery.state, DeliveryState::Success { .. })
            });
            let due = &mut change.state.due;
            due.retain(|(_, id)| deliveries.contains_key(id));
            Ok(())
        };
        self.write("Destinations::delete", write, act, |()| Outcome::Deleted)
            .await
    }

    async fn sweep(&self, _limit: u32) -> Result<bool, StoreError> {
        // A deletion leaves nothing behind here.
        Ok(false)
    }
}

impl Change<'_> {
    /// The destination of this id.
    pub(super) fn destination(&self, id: DestinationId) -> Result<Destination, WriteError> {
        let kept = self.state.destinations.get(&id);
        let own = kept.filter(|(owner, _)| *owner == self.organization_id);
        own.map(|(_, destination)| destination.clone())
            .ok_or(WriteError::NotFound)
    }
}
