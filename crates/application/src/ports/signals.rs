//! Wake-ups. Losing one costs time, never correctness: whoever waits also looks by itself.

use async_trait::async_trait;
use windlass_domain::id::{RunId, SessionId, WorkerId};
use windlass_domain::lifecycle::Signal;
use windlass_domain::pool::Pool;

/// Wakes who waits for runs to lease.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Queue: Send + Sync {
    /// A run may be leased from this pool.
    async fn announce(&self, pool: &Pool);

    /// Hears of runs in these pools from now on.
    fn listen(&self, pools: &[Pool]) -> Box<dyn Listener>;
}

/// Wakes who waits for a run or a session, and tells workers to stop.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Signals: Send + Sync {
    /// Tells who listens; [`Signal::Ready`] is the queue's and is left aside here.
    async fn send(&self, signals: &[Signal]);

    /// Hears of these topics from now on.
    fn listen(&self, topics: &[Topic]) -> Box<dyn Listener>;
}

/// What can be listened to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A run changed its status.
    Run(RunId),
    /// A session changed its status.
    Session(SessionId),
    /// A worker should stop one of its runs.
    Worker(WorkerId),
    /// Some run or session of anybody changed its status, so that there are new events.
    Events,
}

/// Hears what was told since it was made.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Listener: Send {
    /// Returns once something was told since the last return. May be dropped while it waits.
    async fn heard(&mut self);
}
