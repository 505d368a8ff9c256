//! The dispatcher: sends each delivery when it is due. Any replica may do it.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use windlass_domain::delivery::{Attempt, Next, after_attempt};
use windlass_domain::destination::{Configuration, RetryProfile, Webhook};
use windlass_domain::id::{DestinationId, OrganizationId};

use crate::contents;
use crate::error::chain;
use crate::ports::deliveries::DueDelivery;
use crate::ports::destination::OpenedConfiguration;
use crate::ports::vault::VaultError;
use crate::ports::{Clock, Deliveries, DestinationSender, StoreError, Vault};
use crate::random::bytes;

/// How many deliveries are under way at once, over all destinations.
const MAX_UNDER_WAY: usize = 512;

/// How many deliveries of one destination a lease takes: the smallest window.
const QUANTUM: usize = 8;

/// How many deliveries of one destination are under way at once, where it keeps up.
const MAX_WINDOW: usize = 64;

/// How long a leased delivery is this dispatcher's: longer than the longest attempt (20 s), so that
/// none is sent by two at once. A killed server's deliveries wait this long, so no longer than needed.
const LEASE: Duration = Duration::from_secs(25);

/// How long to wait for the next delivery before looking again; another process may have made one.
const WAIT: Duration = Duration::from_secs(1);

/// How long to wait where the store cannot answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends each delivery when it is due.
pub struct Dispatcher {
    pub(crate) deliveries: Arc<dyn Deliveries>,
    pub(crate) webhooks: Arc<dyn DestinationSender>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// How much of a destination is under way, and how much may be. A slow or dead one keeps its window
/// small and so never takes the others' place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    size: usize,
    under_way: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            size: QUANTUM,
            under_way: 0,
        }
    }
}

impl Window {
    fn is_full(self) -> bool {
        self.under_way + QUANTUM > self.size
    }

    fn ended(&mut self, delivered: bool) {
        self.under_way = self.under_way.saturating_sub(1);
        self.size = if delivered {
            (self.size + 1).min(MAX_WINDOW)
        } else {
            (self.size / 2).max(QUANTUM)
        };
    }
}

/// The deliveries that are under way.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<bool>,
    destinations: HashMap<Id, DestinationId>,
    /// Of the destinations with something under way, and of those that keep up.
    windows: HashMap<DestinationId, Window>,
}

impl UnderWay {
    fn add(
        &mut self,
        destination_id: DestinationId,
        delivery: impl Future<Output = bool> + Send + 'static,
    ) {
        let task = self.tasks.spawn(delivery);
        self.destinations.insert(task.id(), destination_id);
        self.windows.entry(destination_id).or_default().under_way += 1;
    }

    /// The destinations that take no more.
    fn full(&self) -> Vec<DestinationId> {
        let full = self.windows.iter().filter(|(_, window)| window.is_full());
        full.map(|(id, _)| *id).collect()
    }

    /// Waits until one has ended; for ever where none is under way.
    async fn one_ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.note(ended),
            None => std::future::pending().await,
        }
    }

    fn note_ended(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.note(ended);
        }
    }

    fn note(&mut self, ended: Result<(Id, bool), JoinError>) {
        let (id, delivered) = ended.unwrap_or_else(|broken| {
            // Its lease runs out and it is sent again.
            error!("a delivery broke off: {broken}");
            (broken.id(), false)
        });
        let Some(destination_id) = self.destinations.remove(&id) else {
            return;
        };
        let window = self.windows.entry(destination_id).or_default();
        window.ended(delivered);
        if *window == Window::default() {
            self.windows.remove(&destination_id);
        }
    }
}

impl Dispatcher {
    /// Sends until `stop`; then ends what is under way.
    pub async fn run_until(self: Arc<Self>, stop: &CancellationToken) {
        let mut under_way = UnderWay::default();
        while !stop.is_cancelled() {
            let room = MAX_UNDER_WAY.saturating_sub(under_way.tasks.len());
            if room > 0 {
                let leased = match self.lease(room, &under_way.full()).await {
                    Ok(leased) => leased,
                    Err(error) => {
                        let reason = chain(&error);
                        warn!("deliveries could not be leased; trying again: {reason}");
                        tokio::time::sleep(PAUSE).await;
                        Vec::new()
                    }
                };
                let found = !leased.is_empty();
                for due in leased {
                    let destination_id = due.destination.id;
                    under_way.add(destination_id, self.clone().deliver(due));
                }
                if found {
                    under_way.note_ended();
                    continue;
                }
            }
            tokio::select! {
                () = under_way.one_ended() => {}
                // What is due can wait as long as nothing more can be sent.
                () = self.deliveries.due(WAIT), if room > 0 => {}
                () = stop.cancelled() => {}
            }
        }
        while under_way.tasks.join_next().await.is_some() {}
    }

    /// Leases what is due, `room` deliveries at most and none of the destinations that are `full`.
    ///
    /// # Errors
    /// Where the store cannot answer.
    pub async fn lease(
        &self,
        room: usize,
        full: &[DestinationId],
    ) -> Result<Vec<DueDelivery>, StoreError> {
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let quantum = QUANTUM as u32;
        self.deliveries.lease(limit, quantum, full, LEASE).await
    }

    /// One attempt, and what is kept of it. Answers whether the destination took the event.
    pub async fn deliver(self: Arc<Self>, due: DueDelivery) -> bool {
        let Configuration::Webhook(webhook) = &due.destination.configuration;
        let attempt = match self
            .open(due.organization_id, due.destination.id, webhook)
            .await
        {
            Ok(opened) => self.webhooks.send(&due.event, &opened).await,
            Err(error) => {
                error!(destination.id = %due.destination.id, "a destination's secrets do not open: {}", chain(&error));
                Attempt {
                    at: self.clock.now(),
                    status_code: None,
                    duration: Duration::ZERO,
                    error: Some("The destination's secrets cannot be opened.".to_owned()),
                    retry_after: None,
                }
            }
        };
        let delivered = attempt.error.is_none();
        self.record(&due, webhook.retry_profile, attempt).await;
        delivered
    }

    async fn record(&self, due: &DueDelivery, profile: RetryProfile, attempt: Attempt) {
        let attempts = due.delivery.attempts + 1;
        let next = after_attempt(profile, attempts, &attempt, jitter());
        let (delivery_id, destination_id) = (due.delivery.id, due.destination.id);
        match next {
            Next::Delivered => debug!(
                delivery.id = %delivery_id, destination.id = %destination_id,
                delivery.attempt = attempts, "{} delivered", due.event.event_type
            ),
            Next::Retry { after } => info!(
                delivery.id = %delivery_id, destination.id = %destination_id,
                delivery.attempt = attempts, reason = attempt.error.as_deref(),
                "attempt {attempts} failed; the next is due in {} s", after.as_secs()
            ),
            Next::Park { .. } => warn!(
                delivery.id = %delivery_id, destination.id = %destination_id,
                delivery.attempt = attempts, reason = attempt.error.as_deref(),
                "attempt {attempts} failed; the delivery is parked"
            ),
        }
        // Where this fails the lease runs out and the event is sent again: at least once.
        if let Err(error) = self.deliveries.record(delivery_id, attempt, next).await {
            warn!(delivery.id = %delivery_id, "how an attempt went could not be kept: {}", chain(&error));
        }
    }

    async fn open(
        &self,
        organization_id: OrganizationId,
        id: DestinationId,
        webhook: &Webhook,
    ) -> Result<OpenedConfiguration, VaultError> {
        let vault = self.vault.of(organization_id).await?;
        contents::open_webhook(&*vault, id, webhook, self.clock.now())
    }
}

/// 0.0 to 1.0.
fn jitter() -> f64 {
    f64::from(u32::from_be_bytes(bytes())) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
