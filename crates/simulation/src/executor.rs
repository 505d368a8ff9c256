//! Runs what happens at once on one thread, in an order that the seed draws.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::random::Chance;

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// Where a task runs: it ends with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On the network, which nobody can crash.
    Outside,
    /// In this replica.
    Replica(usize),
    /// In this worker's process.
    Worker(u32),
}

struct Task {
    place: Place,
    work: Work,
    waker: Waker,
}

/// The tasks that are ready, in the order in which they became so.
type Ready = Arc<Mutex<Vec<u64>>>;

struct Alarm {
    id: u64,
    ready: Ready,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.contains(&self.id) {
            ready.push(self.id);
        }
    }
}

/// Runs tasks.
#[derive(Default)]
pub(crate) struct Executor {
    tasks: RefCell<BTreeMap<u64, Task>>,
    last: Cell<u64>,
    ready: Ready,
}

impl Executor {
    /// Begins a task.
    pub(crate) fn spawn(&self, place: Place, work: impl Future<Output = ()> + 'static) {
        let id = self.last.get() + 1;
        self.last.set(id);
        let alarm = Arc::new(Alarm {
            id,
            ready: Arc::clone(&self.ready),
        });
        let waker = Waker::from(alarm);
        waker.wake_by_ref();
        let work = Box::pin(work);
        self.tasks
            .borrow_mut()
            .insert(id, Task { place, work, waker });
    }

    /// Ends all tasks of a place where they stand.
    pub(crate) fn kill(&self, place: Place) {
        let killed: Vec<Task> = {
            let mut tasks = self.tasks.borrow_mut();
            tasks
                .extract_if(.., |_, task| task.place == place)
                .map(|(_, task)| task)
                .collect()
        };
        // Outside of the borrow: what waits for them is woken.
        drop(killed);
    }

    /// Ends everything.
    pub(crate) fn end(&self) {
        drop(self.tasks.take());
    }

    /// Whether any task can go on.
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready().is_empty()
    }

    /// Lets one of the tasks that can go on do so; answers which, and whether it has ended.
    pub(crate) fn step(&self, chance: &mut Chance) -> Option<(u64, bool)> {
        let id = {
            let mut ready = self.ready();
            if ready.is_empty() {
                return None;
            }
            let drawn = chance.below(ready.len());
            ready.swap_remove(drawn)
        };
        // It may have been killed since it was woken.
        let mut task = self.tasks.borrow_mut().remove(&id)?;
        let waker = task.waker.clone();
        let polled = task.work.as_mut().poll(&mut Context::from_waker(&waker));
        let has_ended = polled == Poll::Ready(());
        if !has_ended {
            self.tasks.borrow_mut().insert(id, task);
        }
        Some((id, has_ended))
    }

    fn ready(&self) -> std::sync::MutexGuard<'_, Vec<u64>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
