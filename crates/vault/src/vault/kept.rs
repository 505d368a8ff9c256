//! Data keys kept in memory, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use windlass_application::Operator;
use windlass_application::ports::error::StoreError;
use windlass_application::ports::vault::{DataKeys, WrappedKey};
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use windlass_domain::time::Timestamp;

/// What a store keeps, and how often it was asked to.
pub(crate) struct Kept {
    /// After so many rewrapped keys whoever rotates is killed.
    pub(crate) stop_after: AtomicU32,
    pub(crate) keys: Mutex<BTreeMap<(OrganizationId, u32), WrappedKey>>,
    canary: Mutex<Option<Sealed>>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            stop_after: AtomicU32::new(u32::MAX),
            keys: Mutex::default(),
            canary: Mutex::default(),
        }
    }
}

impl Kept {
    fn of(&self, organization_id: OrganizationId) -> Vec<WrappedKey> {
        let keys = self.keys.lock().unwrap();
        keys.iter()
            .filter(|((owner, _), _)| *owner == organization_id)
            .map(|(_, key)| key.clone())
            .collect()
    }
}

#[async_trait]
impl DataKeys for Kept {
    async fn list(&self, organization_id: OrganizationId) -> Result<Vec<WrappedKey>, StoreError> {
        let kept = self.of(organization_id);
        // Gives way, so that tasks at the same time meet between two questions.
        tokio::task::yield_now().await;
        Ok(kept)
    }

    async fn insert(
        &self,
        organization_id: OrganizationId,
        key: WrappedKey,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        self.keys
            .lock()
            .unwrap()
            .entry((organization_id, key.version))
            .or_insert(key);
        Ok(self.of(organization_id))
    }

    async fn add(
        &self,
        _: Operator,
        organization_id: OrganizationId,
        key: WrappedKey,
        _: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut keys = self.keys.lock().unwrap();
        Ok(keys.insert((organization_id, key.version), key).is_none())
    }

    async fn all(&self) -> Result<Vec<(OrganizationId, WrappedKey)>, StoreError> {
        let keys = self.keys.lock().unwrap();
        Ok(keys
            .iter()
            .map(|((owner, _), key)| (*owner, key.clone()))
            .collect())
    }

    async fn rewrap(
        &self,
        _: Operator,
        organization_id: OrganizationId,
        found: WrappedKey,
        wrapped: Sealed,
    ) -> Result<bool, StoreError> {
        if self.stop_after.load(Ordering::Relaxed) == 0 {
            return Err(StoreError::Unavailable("killed".into()));
        }
        self.stop_after.fetch_sub(1, Ordering::Relaxed);
        let mut keys = self.keys.lock().unwrap();
        let kept = keys.get_mut(&(organization_id, found.version)).unwrap();
        let is_found = kept.wrapped == found.wrapped;
        if is_found {
            kept.wrapped = wrapped;
        }
        Ok(is_found)
    }

    async fn drop_before(&self, owner: OrganizationId, version: u32) -> Result<(), StoreError> {
        let mut keys = self.keys.lock().unwrap();
        keys.retain(|(of, kept), _| *of != owner || *kept >= version);
        Ok(())
    }

    async fn replace_canary(&self, found: Sealed, canary: Sealed) -> Result<bool, StoreError> {
        let mut kept = self.canary.lock().unwrap();
        let is_found = kept.as_ref() == Some(&found);
        if is_found {
            *kept = Some(canary);
        }
        Ok(is_found)
    }

    async fn canary(&self) -> Result<Option<Sealed>, StoreError> {
        let canary = self.canary.lock().unwrap().clone();
        tokio::task::yield_now().await;
        Ok(canary)
    }

    async fn plant_canary(&self, canary: Sealed) -> Result<Sealed, StoreError> {
        Ok(self.canary.lock().unwrap().get_or_insert(canary).clone())
    }
}
