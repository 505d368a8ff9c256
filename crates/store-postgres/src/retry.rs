//! Runs a transaction again that a deadlock or a serialization failure has ended.

use std::time::Duration;

use tracing::debug;

use crate::error::MaybeConflict;

/// How often a transaction is tried: where five meet a conflict, more would only add to the crowd.
const ATTEMPTS: u32 = 5;

/// Before the second attempt; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Runs `attempt`, a whole transaction, and runs it again where the database ended it for the sake
/// of another one: it has changed nothing then.
pub(crate) async fn retrying<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: MaybeConflict,
    F: Future<Output = Result<T, E>>,
{
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(error) if error.is_conflict() => {
                debug!("a transaction met another one and is run again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            other => return other,
        }
    }
    attempt().await
}
