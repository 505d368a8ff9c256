//! Deliveries: the outbox. They are written with their events; here they are sent and shown.

mod again;
mod due;
mod lease;
mod list;
mod record;

use std::time::Duration;

use async_trait::async_trait;
use windlass_application::ports::deliveries::{DeliveryFilter, DeliveryView, DueDelivery, Replay};
use windlass_application::ports::{Deliveries, StoreError, WriteError};
use windlass_application::{OrganizationContext, Page, PageRequest, Write, Written};
use windlass_domain::delivery::{Attempt, Next};
use windlass_domain::id::{DeliveryId, DestinationId};

use crate::store::SqliteStore;

#[async_trait]
impl Deliveries for SqliteStore {
    async fn lease(
        &self,
        limit: u32,
        per_destination: u32,
        busy: &[DestinationId],
        length: Duration,
    ) -> Result<Vec<DueDelivery>, StoreError> {
        lease::lease(self, limit, per_destination, busy, length).await
    }

    async fn record(&self, id: DeliveryId, attempt: Attempt, next: Next) -> Result<(), StoreError> {
        record::record(self, id, attempt, next).await
    }

    async fn replay(&self, write: Write, replay: Replay) -> Result<Written<u32>, WriteError> {
        again::replay(self, write, replay).await
    }

    async fn redeliver(
        &self,
        write: Write,
        id: DeliveryId,
    ) -> Result<Written<DeliveryView>, WriteError> {
        again::redeliver(self, write, id).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: DeliveryId,
    ) -> Result<Option<DeliveryView>, StoreError> {
        list::get(self, organization, id).await
    }

    async fn due(&self, at_most: Duration) {
        due::due(self, at_most).await;
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        destination_id: DestinationId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliveryView>, StoreError> {
        list::list(self, organization, destination_id, filter, page).await
    }
}
