//! Data keys kept in memory, for the tests of this crate.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use windlass_application::ports::error::StoreError;
use windlass_application::ports::vault::{DataKeys, WrappedKey};
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;

/// What a store keeps, and how often it was asked to.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) keys: Mutex<BTreeMap<(OrganizationId, u32), WrappedKey>>,
    canary: Mutex<Option<Sealed>>,
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

    async fn canary(&self) -> Result<Option<Sealed>, StoreError> {
        let canary = self.canary.lock().unwrap().clone();
        tokio::task::yield_now().await;
        Ok(canary)
    }

    async fn plant_canary(&self, canary: Sealed) -> Result<Sealed, StoreError> {
        Ok(self.canary.lock().unwrap().get_or_insert(canary).clone())
    }
}
