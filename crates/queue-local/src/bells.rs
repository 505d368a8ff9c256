//! Bells: who listens to what, and how they are rung.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;
use windlass_application::ports::signals::Listener;

/// Bells by key. A key is here only while somebody listens to it.
pub(crate) struct Bells<Key> {
    hung: Arc<Mutex<HashMap<Key, Vec<Arc<Notify>>>>>,
}

impl<Key> Default for Bells<Key> {
    fn default() -> Self {
        Self {
            hung: Arc::default(),
        }
    }
}

/// A listener's bell, hung at each of its keys until it is dropped.
struct Bell<Key: Eq + Hash> {
    hung: Arc<Mutex<HashMap<Key, Vec<Arc<Notify>>>>>,
    keys: Vec<Key>,
    /// Keeps one ring until somebody waits for it, and gives it back where that wait is dropped.
    notify: Arc<Notify>,
}

impl<Key: Clone + Eq + Hash + Send + Sync + 'static> Bells<Key> {
    /// Hangs a bell at these keys: it hears every ring from now on.
    pub(crate) fn listen(&self, keys: &[Key]) -> Box<dyn Listener> {
        let notify = Arc::new(Notify::new());
        let mut hung = lock(&self.hung);
        for key in keys {
            let bells = hung.entry(key.clone()).or_default();
            bells.push(Arc::clone(&notify));
        }
        Box::new(Bell {
            hung: Arc::clone(&self.hung),
            keys: keys.to_vec(),
            notify,
        })
    }

    /// Rings every bell at a key.
    pub(crate) fn ring(&self, key: &Key) {
        for bell in lock(&self.hung).get(key).into_iter().flatten() {
            bell.notify_one();
        }
    }

    /// How many keys somebody listens to.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        lock(&self.hung).len()
    }
}

#[async_trait]
impl<Key: Eq + Hash + Send + Sync> Listener for Bell<Key> {
    async fn heard(&mut self) {
        self.notify.notified().await;
    }
}

impl<Key: Eq + Hash> Drop for Bell<Key> {
    fn drop(&mut self) {
        let mut hung = lock(&self.hung);
        for key in &self.keys {
            if let Some(bells) = hung.get_mut(key) {
                bells.retain(|bell| !Arc::ptr_eq(bell, &self.notify));
                if bells.is_empty() {
                    hung.remove(key);
                }
            }
        }
    }
}

/// Held for a moment and never across an await. Each change of it is whole, so that what a
/// panicking thread left can be used.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_nobody_listens_to_takes_no_memory() {
        let bells = Bells::default();

        bells.ring(&1);
        assert_eq!(bells.count(), 0);

        let one = bells.listen(&[1, 2]);
        let other = bells.listen(&[2, 2, 3]);
        assert_eq!(bells.count(), 3);

        drop(one);
        assert_eq!(bells.count(), 2, "2 and 3 are listened to still");
        drop(other);
        assert_eq!(bells.count(), 0);
    }
}
