//! The clock of the database's server, which rules on all replicas: a machine whose own clock is
//! wrong, or jumps, does no harm.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tracing::warn;
use windlass_application::ports::Clock;
use windlass_domain::Timestamp;

/// How often the server is asked. Between two answers a machine's crystal drifts by less than a
/// millisecond.
const EVERY: Duration = Duration::from_secs(5);

/// An answer that took longer is left out: it says too little of when it was given.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(1);

/// The server's clock: its last answer, and the time since then on this machine's monotonic clock.
#[derive(Debug)]
pub(crate) struct ServerClock(Mutex<Sample>);

#[derive(Debug, Clone, Copy)]
struct Sample {
    asked: Instant,
    round_trip: Duration,
    /// The server's moment half-way through the round trip.
    answer: Timestamp,
}

impl ServerClock {
    /// A clock that has asked the server once.
    pub(crate) async fn ask(pool: &PgPool) -> Result<Self, sqlx::Error> {
        Ok(Self(Mutex::new(sample(pool).await?)))
    }

    /// Asks the server again and again, for as long as this is polled.
    pub(crate) async fn follow(&self, pool: &PgPool) {
        loop {
            tokio::time::sleep(EVERY).await;
            match sample(pool).await {
                Ok(sample) if sample.round_trip <= MAX_ROUND_TRIP => {
                    *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sample;
                }
                Ok(_) => {}
                Err(sqlx::Error::PoolClosed) => return,
                Err(error) => warn!(%error, "the database's clock cannot be read; it is reckoned"),
            }
        }
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Timestamp {
        let sample = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = sample.asked + sample.round_trip / 2;
        sample.answer + answered.elapsed()
    }
}

/// The one statement that reads the server's time: all others are given theirs.
async fn sample(pool: &PgPool) -> Result<Sample, sqlx::Error> {
    let mut connection = pool.acquire().await?;
    let asked = Instant::now();
    let millis: i64 =
        sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            .fetch_one(&mut *connection)
            .await?;
    Ok(Sample {
        asked,
        round_trip: asked.elapsed(),
        answer: Timestamp::from_millis(millis),
    })
}
