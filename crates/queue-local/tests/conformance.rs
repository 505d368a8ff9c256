//! The promises of the queue, of signals and of limits, on the adapters of one process.

use windlass_conformance::{limits, signals};
use windlass_queue_local::{LocalLimits, LocalQueue, LocalSignals};

#[tokio::test]
async fn the_queue_keeps_its_promises() {
    signals::check_queue(&LocalQueue::default()).await;
}

#[tokio::test]
async fn signals_keep_their_promises() {
    signals::check_signals(&LocalSignals::default()).await;
}

#[tokio::test]
async fn limits_keep_their_promises() {
    limits::check(&LocalLimits::default()).await;
}
