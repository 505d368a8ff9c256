//! `Deliveries::due`: waits until a delivery may have become due.

use std::time::Duration;

use rusqlite::params;
use tracing::warn;
use windlass_application::error::chain;
use windlass_application::ports::StoreError;
use windlass_domain::Timestamp;
use windlass_domain::destination::DestinationStatus;
use windlass_records::columns::At;

use crate::store::SqliteStore;

/// Until this process writes a delivery, or one becomes due that the last lease did not see. What
/// it saw and left, since its destination was busy, is no reason to look again at once: its
/// dispatcher looks when the destination is free.
pub(super) async fn due(store: &SqliteStore, at_most: Duration) {
    let seen = store.last_look().at();
    let wait = match next(store, seen).await {
        Ok(Some(next)) => next.since(store.now()).min(at_most),
        Ok(None) => at_most,
        Err(error) => {
            warn!("the next delivery cannot be looked up: {}", chain(&error));
            at_most
        }
    };
    // Either way something may be due: whoever waited looks.
    let _ = tokio::time::timeout(wait, store.deliveries_written().notified()).await;
}

/// When the first delivery becomes due after `seen`.
async fn next(store: &SqliteStore, seen: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let next: Option<At> = store
        .read(move |connection| {
            connection.only_value(
                "SELECT min((
                     SELECT min(delivery.next_attempt_at)
                     FROM delivery
                     WHERE delivery.destination_id = destination.id AND delivery.next_attempt_at > ?
                 ))
                 FROM destination
                 WHERE destination.status = ?",
                params![At(seen), DestinationStatus::Active.as_str()],
            )
        })
        .await?;
    Ok(next.map(|at| at.0))
}
