//! Virtual time: it stands still while anything can go on, and then leaps to what comes next.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use windlass_application::ports::Clock;
use windlass_domain::Timestamp;

/// 2026-01-05T10:00:00Z.
pub(crate) const START_MILLIS: i64 = 1_767_607_200_000;

/// When somebody who waits goes on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Due {
    /// At this moment.
    At(Timestamp),
    /// When a clock of a run or session has run out, and not before this moment: a sweeper, of
    /// which only those rounds are played that find something.
    Deadline(Timestamp),
    /// When a delivery is due, and not before this moment: a dispatcher, as above.
    Delivery(Timestamp),
}

/// What the store waits for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ahead {
    /// When the first clock runs out.
    pub(crate) deadline: Option<Timestamp>,
    /// When the first delivery is due.
    pub(crate) delivery: Option<Timestamp>,
}

/// The clock, and who waits for it.
pub(crate) struct Pacer {
    now: AtomicI64,
    timers: Mutex<Vec<Timer>>,
}

struct Timer {
    due: Due,
    fired: Arc<AtomicBool>,
    waker: Waker,
}

impl Default for Pacer {
    fn default() -> Self {
        Self {
            now: AtomicI64::new(START_MILLIS),
            timers: Mutex::default(),
        }
    }
}

#[async_trait]
impl Clock for Pacer {
    async fn wait(self: Arc<Self>, length: Duration) {
        self.sleep(length).await;
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::Relaxed))
    }
}

impl Pacer {
    /// Waits so long.
    pub(crate) fn sleep(self: &Arc<Self>, length: Duration) -> Sleep {
        self.until(Due::At(self.now() + length))
    }

    /// Waits until then.
    pub(crate) fn until(self: &Arc<Self>, due: Due) -> Sleep {
        Sleep {
            pacer: Arc::clone(self),
            due,
            fired: None,
        }
    }

    /// Lets time pass, and wakes whoever waited for it.
    pub(crate) fn advance(&self, length: Duration, ahead: Ahead) {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        self.now.fetch_add(millis, Ordering::Relaxed);
        self.fire(ahead);
    }

    /// When the next of those who wait goes on; None where nobody ever does.
    pub(crate) fn next(&self, ahead: Ahead) -> Option<Timestamp> {
        let timers = self.timers();
        timers
            .iter()
            .filter_map(|timer| moment(timer.due, ahead))
            .min()
    }

    /// Wakes whoever may go on.
    pub(crate) fn fire(&self, ahead: Ahead) {
        let now = self.now();
        let is_over = |timer: &Timer| moment(timer.due, ahead).is_some_and(|at| at <= now);
        let mut timers = self.timers();
        let over: Vec<Timer> = timers.extract_if(.., |timer| is_over(timer)).collect();
        drop(timers);
        for timer in over {
            timer.fired.store(true, Ordering::Relaxed);
            timer.waker.wake();
        }
    }

    fn timers(&self) -> MutexGuard<'_, Vec<Timer>> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn moment(due: Due, ahead: Ahead) -> Option<Timestamp> {
    match due {
        Due::At(at) => Some(at),
        Due::Deadline(not_before) => ahead.deadline.map(|at| at.max(not_before)),
        Due::Delivery(not_before) => ahead.delivery.map(|at| at.max(not_before)),
    }
}

/// Waits for a moment.
pub(crate) struct Sleep {
    pacer: Arc<Pacer>,
    due: Due,
    fired: Option<Arc<AtomicBool>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Some(fired) = &self.fired {
            return match fired.load(Ordering::Relaxed) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            };
        }
        let fired = Arc::new(AtomicBool::new(false));
        self.fired = Some(Arc::clone(&fired));
        let timer = Timer {
            due: self.due,
            fired,
            waker: context.waker().clone(),
        };
        self.pacer.timers().push(timer);
        Poll::Pending
    }
}

/// Nobody waits any more.
impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(fired) = &self.fired {
            let mut timers = self.pacer.timers();
            timers.retain(|timer| !Arc::ptr_eq(&timer.fired, fired));
        }
    }
}

/// Lets whoever is chosen next go first.
#[derive(Default)]
pub(crate) struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
