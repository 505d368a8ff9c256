//! The promises of the queue, of signals and of limits, on a replica that is connected.

use windlass_conformance::{limits, signals};
use windlass_queue_redis::Redis;

use crate::replica::{connected, prefix, replica, shared_url};

async fn connected_replica() -> Redis {
    let (url, prefix) = (shared_url(), prefix());
    let replica = replica(&url, &prefix);
    connected(&url, &prefix, 1).await;
    replica
}

#[tokio::test]
async fn the_queue_keeps_its_promises() {
    signals::check_queue(&connected_replica().await).await;
}

#[tokio::test]
async fn signals_keep_their_promises() {
    signals::check_signals(&connected_replica().await).await;
}

#[tokio::test]
async fn limits_keep_their_promises() {
    limits::check(&connected_replica().await).await;
}
