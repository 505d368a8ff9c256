//! What takes its time is waited for so long; what a run waits for its own turn among others is not
//! the source's time, and counts in none of its limits.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::error::Elapsed;

/// How long a session has waited for its turn at hosts.
#[derive(Debug, Default)]
pub(crate) struct Turn(Mutex<Waited>);

#[derive(Debug, Default)]
struct Waited {
    before: Duration,
    /// Since when it waits now.
    since: Option<Instant>,
}

impl Turn {
    /// Waits for something that is nobody's but this process's doing.
    pub(crate) async fn wait<T>(&self, turn: impl Future<Output = T>) -> T {
        self.lock().since = Some(Instant::now());
        // Also where the wait is given up.
        let _over = Over(self);
        turn.await
    }

    /// Gives this as much time, besides what is waited for turns meanwhile.
    ///
    /// # Errors
    /// It took longer.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        mut work: Pin<&mut (impl Future<Output = T> + ?Sized)>,
    ) -> Result<T, Elapsed> {
        let (begin, waited_before) = (Instant::now(), self.so_far());
        let mut end = begin + limit;
        loop {
            match tokio::time::timeout_at(end, work.as_mut()).await {
                Ok(done) => return Ok(done),
                Err(elapsed) => {
                    let waited = self.so_far().saturating_sub(waited_before);
                    let later = begin + limit + waited;
                    if later <= Instant::now() {
                        return Err(elapsed);
                    }
                    end = later;
                }
            }
        }
    }

    fn so_far(&self) -> Duration {
        let waited = self.lock();
        let now = waited.since.map(|since| since.elapsed());
        waited.before + now.unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Waited> {
        // A panic elsewhere cannot have left a change half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a wait.
struct Over<'turn>(&'turn Turn);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        let mut waited = self.0.lock();
        if let Some(since) = waited.since.take() {
            waited.before += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_was_waited_for_a_turn_does_not_count() {
        let turn = Turn::default();
        let limit = Duration::from_secs(1);

        let wait = pin!(turn.wait(tokio::time::sleep(limit + limit / 4)));

        assert_eq!(turn.within(limit, wait).await, Ok(()));
    }

    #[tokio::test]
    async fn what_takes_too_long_besides_is_given_up() {
        let turn = Turn::default();

        let work = pin!(async {
            turn.wait(ready(())).await;
            pending::<()>().await;
        });

        assert!(turn.within(Duration::from_millis(5), work).await.is_err());
    }

    #[tokio::test]
    async fn a_wait_that_was_given_up_is_over() {
        let turn = Turn::default();

        assert!(turn.wait(pending::<()>()).now_or_never().is_none());

        assert!(turn.lock().since.is_none());
    }
}
