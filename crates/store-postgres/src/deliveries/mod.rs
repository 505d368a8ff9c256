//! Deliveries: the outbox. They are written with their events; here they are sent and shown.

mod again;
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

use crate::retry::retrying;
use crate::store::PostgresStore;

/// How long a dispatcher waits until it looks again: what becomes due by the clock, and what
/// another replica wrote and did not live to send, waits this long. A notification by the database
/// would have all commits wait for one another.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[async_trait]
impl Deliveries for PostgresStore {
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
        retrying(|| record::record(self, id, &attempt, next)).await
    }

    async fn replay(&self, write: Write, replay: Replay) -> Result<Written<u32>, WriteError> {
        retrying(|| again::replay(self, write.clone(), &replay)).await
    }

    async fn redeliver(
        &self,
        write: Write,
        id: DeliveryId,
    ) -> Result<Written<DeliveryView>, WriteError> {
        retrying(|| again::redeliver(self, write.clone(), id)).await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: DeliveryId,
    ) -> Result<Option<DeliveryView>, StoreError> {
        list::get(self, organization, id).await
    }

    async fn due(&self, at_most: Duration) {
        let written = self.deliveries_written().notified();
        // Either way something may be due: whoever waited looks.
        let _ = tokio::time::timeout(at_most.min(LOOK_AGAIN), written).await;
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
