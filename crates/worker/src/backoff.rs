//! How long to wait before a call is repeated.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::protocol::ProtocolError;

/// The first wait, before it is spread.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait: well within the life of a lease.
const LONGEST: Duration = Duration::from_secs(5);

/// Waits that double, each spread over its second half, so that workers which failed together do
/// not come back together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The wait before the next try.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        // Without randomness the waits are only less spread.
        let share = getrandom::u32().unwrap_or(u32::MAX);
        wait / 2 + (wait / 2).mul_f64(f64::from(share) / f64::from(u32::MAX))
    }

    /// Calls until the server has answered, however long it cannot: never `Unavailable`.
    pub(crate) async fn until_answered<T, Called>(
        mut self,
        call: impl Fn() -> Called,
    ) -> Result<T, ProtocolError>
    where
        Called: Future<Output = Result<T, ProtocolError>>,
    {
        loop {
            match call().await {
                Err(ProtocolError::Unavailable { message }) => {
                    debug!("a call is made again: {message}");
                    sleep(self.next()).await;
                }
                answer => return answer,
            }
        }
    }
    /// The same for so long at most, the last call included; then it is `Unavailable`.
    pub(crate) async fn within<T, Called>(
        self,
        time: Duration,
        call: impl Fn() -> Called,
    ) -> Result<T, ProtocolError>
    where
        Called: Future<Output = Result<T, ProtocolError>>,
    {
        let answered = timeout(time, self.until_answered(call)).await;
        answered.unwrap_or_else(|_elapsed| {
            let message = format!("no answer came within {} s", time.as_secs());
            Err(ProtocolError::Unavailable { message })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future;

    use super::*;

    #[tokio::test]
    async fn a_call_is_made_again_until_it_is_answered_however_long_that_takes() {
        let calls = Cell::new(0);
        let backoff = Backoff {
            next: Duration::ZERO,
        };

        let answer = backoff.until_answered(async || {
            calls.set(calls.get() + 1);
            if calls.get() < 500 {
                let message = "it starts again".to_owned();
                return Err(ProtocolError::Unavailable { message });
            }
            Ok("the code")
        });

        assert!(matches!(answer.await, Ok("the code")));
        assert_eq!(calls.get(), 500);
    }

    #[tokio::test]
    async fn a_call_that_has_its_time_is_not_made_for_longer() {
        let answer: Result<(), _> = Backoff::default()
            .within(Duration::ZERO, async || {
                let message = "its disk is full".to_owned();
                Err(ProtocolError::Unavailable { message })
            })
            .await;
        assert!(matches!(answer, Err(ProtocolError::Unavailable { .. })));

        let hangs: Result<(), _> = Backoff::default()
            .within(Duration::ZERO, future::pending::<Result<(), _>>)
            .await;
        assert!(matches!(hangs, Err(ProtocolError::Unavailable { .. })));
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        let backoff = Backoff::default();

        let answer: Result<(), _> = backoff
            .until_answered(async || Err(ProtocolError::LeaseLost))
            .await;

        assert!(matches!(answer, Err(ProtocolError::LeaseLost)));
    }

    #[test]
    fn waits_double_up_to_the_longest_and_are_spread_over_their_second_half() {
        let mut backoff = Backoff::default();

        let waits: Vec<Duration> = (0..10).map(|_| backoff.next()).collect();

        let mut whole = FIRST;
        for wait in waits {
            assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
            whole = (whole * 2).min(LONGEST);
        }
    }
}
