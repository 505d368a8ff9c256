//! What goes wrong, and how often it did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use windlass_application::ports::{Clock, StoreError};
use windlass_domain::Timestamp;

use crate::pacer::{Pacer, Yield};
use crate::random::Chance;
use crate::store::Gate;

/// The longest that a call of the store is held up.
const HELD_UP: Duration = Duration::from_secs(2);

/// Draws what goes wrong.
pub(crate) struct Chaos {
    /// The clock that it goes by.
    pub(crate) pacer: Arc<Pacer>,
    chance: Mutex<Chance>,
    is_on: AtomicBool,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    crashes: Mutex<Vec<usize>>,
    /// When something last went wrong that a sweep can be late for.
    disturbed_at: AtomicI64,
}

impl Chaos {
    /// Of this seed; nothing goes wrong yet.
    pub(crate) fn of(seed: u64) -> Self {
        Self {
            pacer: Arc::default(),
            chance: Mutex::new(Chance::of(seed)),
            is_on: AtomicBool::new(false),
            counts: Mutex::default(),
            crashes: Mutex::default(),
            disturbed_at: AtomicI64::new(0),
        }
    }

    /// From now on things go wrong, or do not any more.
    pub(crate) fn set(&self, is_on: bool) {
        self.is_on.store(is_on, Ordering::Relaxed);
    }

    /// Whether things go wrong.
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Draws.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Chance) -> T) -> T {
        draw(&mut lock(&self.chance))
    }

    /// Whether this goes wrong now, as it does so often in a thousand times.
    pub(crate) fn strikes(&self, fault: &'static str, permille: usize) -> bool {
        let strikes = self.is_on() && self.draw(|chance| chance.permille(permille));
        if strikes {
            self.count(fault);
        }
        strikes
    }

    /// One more of these.
    pub(crate) fn count(&self, what: &'static str) {
        *lock(&self.counts).entry(what).or_default() += 1;
    }

    /// How often each went wrong.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.counts).clone()
    }

    /// The replicas that crash now.
    pub(crate) fn crashes(&self) -> Vec<usize> {
        std::mem::take(&mut lock(&self.crashes))
    }

    /// A sweep may be late for this.
    pub(crate) fn disturb(&self) {
        let now = self.pacer.now().millis();
        self.disturbed_at.store(now, Ordering::Relaxed);
    }

    /// When something last went wrong that a sweep can be late for.
    pub(crate) fn disturbed_at(&self) -> Timestamp {
        Timestamp::from_millis(self.disturbed_at.load(Ordering::Relaxed))
    }
}

/// Where one replica's calls of the store go wrong.
pub(crate) struct ReplicaGate {
    /// By what.
    pub(crate) chaos: Arc<Chaos>,
    /// Whose.
    pub(crate) replica: usize,
}

impl ReplicaGate {
    fn strikes(&self, call: &str, fault: &'static str, permille: usize) -> bool {
        let strikes = self.chaos.strikes(fault, permille);
        if strikes && call == "Runs::sweep" {
            self.chaos.disturb();
        }
        strikes
    }
}

#[async_trait]
impl Gate for ReplicaGate {
    async fn before(&self, call: &'static str) -> Result<(), StoreError> {
        Yield::default().await;
        if self.strikes(call, "store call held up", 10) {
            let length = self.chaos.draw(|chance| chance.up_to(HELD_UP));
            self.chaos.pacer.sleep(length).await;
        }
        if self.strikes(call, "store call refused", 10) {
            return Err(StoreError::Unavailable("the simulation refuses it".into()));
        }
        Ok(())
    }

    async fn after(&self, call: &'static str) -> Result<(), StoreError> {
        if self.strikes(call, "crash right after a commit", 2) {
            lock(&self.chaos.crashes).push(self.replica);
            std::future::pending::<()>().await;
        }
        Yield::default().await;
        if self.strikes(call, "answer of a commit lost", 10) {
            return Err(StoreError::Unavailable("the simulation loses it".into()));
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
