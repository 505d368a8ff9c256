//! The sweeper: acts on every deadline that has passed. Any replica may do it.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::announce::Announcer;
use crate::error::chain;
use crate::ports::Runs;

/// How long a sweep waits where nothing was due. A deadline is acted on at most 5 s late
/// (docs/lifecycle.md, "Clocks").
const PAUSE: Duration = Duration::from_millis(500);

/// How many clocks one transaction acts on.
const BATCH: u32 = 100;

/// Acts on every deadline that has passed.
pub struct Sweeper {
    pub(crate) runs: Arc<dyn Runs>,
    pub(crate) announcer: Announcer,
}

impl Sweeper {
    /// Sweeps until `stop`. What the store refuses is tried again.
    pub async fn run_until(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if !self.sweep().await {
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }

    /// One sweep; whether more may be due at once.
    pub async fn sweep(&self) -> bool {
        match self.runs.sweep(BATCH).await {
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
