//! The sweeper: acts on every deadline that has passed. Any replica may do it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::announce::Announcer;
use crate::error::chain;
use crate::ports::runs::Swept;
use crate::ports::{Destinations, Runs, StoreError, Workers};

/// How long a sweep waits where nothing was due. A deadline is acted on at most 5 s late
/// (docs/lifecycle.md, "Clocks").
const PAUSE: Duration = Duration::from_millis(500);

/// How often it is looked for workers that are gone.
const WORKERS_EVERY: Duration = Duration::from_secs(2);

/// How often it is looked for destinations that were deleted.
const DESTINATIONS_EVERY: Duration = Duration::from_secs(2);

/// How many clocks one transaction acts on.
const BATCH: u32 = 100;

/// How many deliveries one transaction drops: some hundredths of a second on either store.
const DROPPED_AT_ONCE: u32 = 500;

/// Acts on every deadline that has passed.
pub struct Sweeper {
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) workers: Arc<dyn Workers>,
    pub(crate) destinations: Arc<dyn Destinations>,
    pub(crate) announcer: Announcer,
    /// How long after its start it looks for workers that are gone: while no server was there no
    /// worker could call, and none is gone for that.
    pub(crate) workers_after: Duration,
}

impl Sweeper {
    /// Sweeps until `stop`. What the store refuses is tried again.
    pub async fn run_until(&self, stop: &CancellationToken) {
        let mut workers_at = Instant::now() + self.workers_after;
        let mut destinations_at = Instant::now();
        while !stop.is_cancelled() {
            let mut more = self.sweep().await;
            if Instant::now() >= workers_at {
                workers_at = Instant::now() + WORKERS_EVERY;
                more |= self.sweep_workers().await;
            }
            if Instant::now() >= destinations_at {
                if self.sweep_destinations().await {
                    more = true;
                } else {
                    destinations_at = Instant::now() + DESTINATIONS_EVERY;
                }
            }
            if !more {
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }

    /// Acts on clocks of runs and sessions that have run out; whether more may be due at once.
    pub async fn sweep(&self) -> bool {
        self.acted(self.runs.sweep(BATCH).await).await
    }

    /// Acts on workers that are gone; whether more may be due at once.
    pub async fn sweep_workers(&self) -> bool {
        self.acted(self.workers.sweep(BATCH).await).await
    }

    /// Drops what was not delivered to destinations that are deleted; whether there may be more.
    pub async fn sweep_destinations(&self) -> bool {
        let swept = self.destinations.sweep(DROPPED_AT_ONCE).await;
        swept.unwrap_or_else(|error| {
            warn!(
                "deliveries of a deleted destination are dropped later: {}",
                chain(&error)
            );
            false
        })
    }

    /// Announces what a sweep did; whether more may be due at once.
    async fn acted(&self, swept: Result<Swept, StoreError>) -> bool {
        match swept {
            Ok(swept) => {
                if swept.acted > 0 {
                    debug!(acted = swept.acted, "acted on {} clocks", swept.acted);
                }
                self.announcer.announce(&swept.signals).await;
                swept.more
            }
            Err(error) => {
                warn!("a sweep failed and is tried again: {}", chain(&error));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
