//! What is told outside after a commit. Losing it costs time, never correctness.

use std::sync::Arc;

use windlass_domain::lifecycle::Signal;

use crate::ports::{Queue, Signals};

/// Hands signals to the queue and to whoever waits.
#[derive(Clone)]
pub struct Announcer {
    queue: Arc<dyn Queue>,
    signals: Arc<dyn Signals>,
}

impl Announcer {
    /// An announcer to these two.
    pub fn new(queue: Arc<dyn Queue>, signals: Arc<dyn Signals>) -> Self {
        Self { queue, signals }
    }

    /// Tells outside what a command did.
    pub async fn announce(&self, signals: &[Signal]) {
        for signal in signals {
            if let Signal::Ready { pool } = signal {
                self.queue.announce(pool).await;
            }
        }
        self.signals.send(signals).await;
    }
}
