//! Deliveries: the outbox. A delivery is written in the transaction of its event.

use std::time::Duration;

use async_trait::async_trait;
use windlass_domain::Timestamp;
use windlass_domain::delivery::{Attempt, Delivery, DeliveryState, Next};
use windlass_domain::destination::{Destination, EventFilter};
use windlass_domain::event::{Event, EventType};
use windlass_domain::id::{DeliveryId, DestinationId, OrganizationId};

use crate::page::{Created, Page, PageRequest};
use crate::ports::error::{StoreError, WriteError};
use crate::write::{OrganizationContext, Write, Written};

/// A delivery whose attempt is due, now leased to this dispatcher.
#[derive(Debug, Clone, PartialEq)]
pub struct DueDelivery {
    /// Whose it is.
    pub organization_id: OrganizationId,
    /// The delivery; `attempts` does not count the one that is due.
    pub delivery: Delivery,
    /// What to send.
    pub event: Event,
    /// Where to.
    pub destination: Destination,
}

/// A delivery with the attempts that were made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryView {
    /// The delivery.
    pub delivery: Delivery,
    /// Oldest first.
    pub attempt_log: Vec<Attempt>,
}

/// Which deliveries of a destination to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Standing like one of these (`pending`, `success`, `failure` on the wire); empty is any.
    pub statuses: Vec<DeliveryStatus>,
    /// Of events of one of these types; empty is any.
    pub types: Vec<EventType>,
    /// Made in this range.
    pub created: Created,
}

/// Which events to send once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// Where to.
    pub destination_id: DestinationId,
    /// After this moment.
    pub after: Timestamp,
    /// Before this moment.
    pub before: Timestamp,
    /// Those of what the destination wants.
    pub types: EventFilter,
}

impl Replay {
    /// The types of events that are sent once more to a destination that wants these.
    pub fn types(&self, wanted: &EventFilter) -> Vec<EventType> {
        let all = EventType::ALL.iter().copied();
        all.filter(|it| wanted.matches(*it) && self.types.matches(*it))
            .collect()
    }
}

/// How a delivery stands, for filters and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// It will be tried.
    Pending,
    /// The receiver took it.
    Success,
    /// No attempt is left.
    Failure,
}

impl From<&DeliveryState> for DeliveryStatus {
    fn from(state: &DeliveryState) -> Self {
        match state {
            DeliveryState::Pending { .. } => Self::Pending,
            DeliveryState::Success { .. } => Self::Success,
            DeliveryState::Parked { .. } => Self::Failure,
        }
    }
}

/// The outbox.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// Up to `limit` deliveries that are due, at most `per_destination` of each destination,
    /// destinations in `busy` left out. Each is this dispatcher's for `length`; then it is due
    /// again, so that a dispatcher that dies costs only time.
    async fn lease(
        &self,
        limit: u32,
        per_destination: u32,
        busy: &[DestinationId],
        length: Duration,
    ) -> Result<Vec<DueDelivery>, StoreError>;

    /// Keeps how an attempt went and what follows: success, the next moment, or parking with its
    /// event, and the deactivation of its destination, which comes as well after too long a time of
    /// nothing but failures ([`Failing`]).
    ///
    /// [`Failing`]: windlass_domain::delivery::Failing
    async fn record(&self, id: DeliveryId, attempt: Attempt, next: Next) -> Result<(), StoreError>;

    /// Sends each event of `replay` once more to its destination, also where none was made since that
    /// was inactive; what is pending goes out as it is. Answers how many are sent.
    ///
    /// # Errors
    /// `NotFound`; `TooMuch` where there are more than [`MAX_REPLAYED`] events, and nothing is sent.
    ///
    /// [`MAX_REPLAYED`]: windlass_domain::delivery::MAX_REPLAYED
    async fn replay(&self, write: Write, replay: Replay) -> Result<Written<u32>, WriteError>;

    /// Sends a delivery once more, at once.
    ///
    /// # Errors
    /// `NotFound`; `ReferenceGone` where its destination was deleted.
    async fn redeliver(
        &self,
        write: Write,
        id: DeliveryId,
    ) -> Result<Written<DeliveryView>, WriteError>;

    /// The delivery of this id.
    async fn get(
        &self,
        organization: OrganizationContext,
        id: DeliveryId,
    ) -> Result<Option<DeliveryView>, StoreError>;

    /// Waits until a delivery may have become due, `at_most` this long.
    async fn due(&self, at_most: Duration);

    /// Deliveries of a destination, newest first.
    async fn list(
        &self,
        organization: OrganizationContext,
        destination_id: DestinationId,
        filter: DeliveryFilter,
        page: PageRequest,
    ) -> Result<Page<DeliveryView>, StoreError>;
}
