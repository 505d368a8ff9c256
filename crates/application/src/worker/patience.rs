//! Waiting for a store that cannot answer for a moment.

use std::sync::Arc;
use std::time::Duration;

use crate::error::CallError;
use crate::ports::{Clock, StoreError};

/// How often a call is tried: about 10 s with the waits between, within the life of a lease.
const ATTEMPTS: u32 = 8;

/// The first wait; each later one is twice as long.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(5);

/// Repeats a call while the store cannot answer, for callers that cannot be told to repeat theirs.
///
/// # Errors
/// What the last call answered.
pub(super) async fn patiently<T, F>(
    clock: &Arc<dyn Clock>,
    call: impl Fn() -> F,
) -> Result<T, CallError>
where
    F: Future<Output = Result<T, CallError>>,
{
    let mut wait = FIRST;
    for _ in 1..ATTEMPTS {
        match call().await {
            Err(CallError::Store(StoreError::Unavailable(_))) => {
                Arc::clone(clock).wait(wait).await;
                wait = (wait * 2).min(LONGEST);
            }
            answered => return answered,
        }
    }
    call().await
}
