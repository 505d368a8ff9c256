//! Runs a transaction again that a deadlock or a serialization failure has ended, and answers once
//! what was refused has let go of its locks.

use std::time::Duration;

use tracing::debug;

use crate::error::MaybeConflict;
use crate::rollbacks;

/// How often a transaction is tried: where five meet a conflict, more would only add to the crowd.
const ATTEMPTS: u32 = 5;

/// Before the second attempt; twice as long before each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Runs `attempt`, a whole transaction, and runs it again where the database ended it for the sake
/// of another one: it has changed nothing then. Answers when no attempt holds a lock any more: what
/// a caller was refused, its next call must not find in its way.
pub(crate) async fn retrying<T, E, F>(mut attempt: impl FnMut() -> F) -> Result<T, E>
where
    E: MaybeConflict,
    F: Future<Output = Result<T, E>>,
{
    let mut pause = FIRST_PAUSE;
    let mut attempts_left = ATTEMPTS;
    loop {
        attempts_left -= 1;
        // On the heap: a whole transaction is much for every caller's future to hold.
        match rollbacks::awaited(Box::pin(attempt())).await {
            Err(error) if error.is_conflict() && attempts_left > 0 => {
                debug!("a transaction met another one and is run again");
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            other => return other,
        }
    }
}
