//! Organizations, their API keys, and their data keys.

use async_trait::async_trait;
use windlass_application::Operator;
use windlass_application::ports::vault::WrappedKey;
use windlass_application::ports::{DataKeys, Keys, Organizations, StoreError, WriteError};
use windlass_domain::Timestamp;
use windlass_domain::id::{KeyId, OrganizationId};
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_domain::sealed::Sealed;

use super::{MemoryStore, State};

/// The last use of a key is kept to the minute.
const USE_STEP_MILLIS: i64 = 60_000;

#[async_trait]
impl Organizations for MemoryStore {
    async fn create(&self, _: Operator, organization: Organization) -> Result<(), WriteError> {
        self.transact("Organizations::create", |state, _| {
            let mut known = state.organizations.iter();
            if known.any(|known| known.name == organization.name) {
                return Err(WriteError::IdTaken);
            }
            state.organizations.push(organization);
            Ok(())
        })
        .await
    }

    async fn set_suspended(
        &self,
        _: Operator,
        id: OrganizationId,
        suspended: bool,
    ) -> Result<(), WriteError> {
        self.transact("Organizations::set_suspended", |state, _| {
            let mut known = state.organizations.iter_mut();
            let found = known.find(|known| known.id == id);
            found.ok_or(WriteError::NotFound)?.suspended = suspended;
            Ok(())
        })
        .await
    }

    async fn find(&self, name: &str) -> Result<Option<Organization>, StoreError> {
        self.read("Organizations::find", |state| {
            let mut known = state.organizations.iter();
            known.find(|known| known.name == name).cloned()
        })
        .await
    }

    async fn list(&self) -> Result<Vec<Organization>, StoreError> {
        self.read("Organizations::list", |state| {
            let mut organizations = state.organizations.clone();
            organizations.sort_by_key(|organization| organization.id);
            organizations
        })
        .await
    }
}

#[async_trait]
impl Keys for MemoryStore {
    async fn create(&self, _: Operator, key: ApiKey) -> Result<(), WriteError> {
        self.transact("Keys::create", |state, _| {
            if state.keys.iter().any(|known| known.hash == key.hash) {
                return Err(WriteError::IdTaken);
            }
            state.keys.push(key);
            Ok(())
        })
        .await
    }

    async fn find(&self, hash: [u8; 32]) -> Result<Option<(ApiKey, Organization)>, StoreError> {
        self.read("Keys::find", |state| {
            with_organizations(state).find(|(key, _)| key.hash == hash)
        })
        .await
    }

    async fn list(&self) -> Result<Vec<(ApiKey, Organization)>, StoreError> {
        self.read("Keys::list", |state| {
            let mut keys: Vec<_> = with_organizations(state).collect();
            keys.sort_by_key(|(key, _)| key.id);
            keys
        })
        .await
    }

    async fn revoke(&self, _: Operator, id: KeyId) -> Result<(), WriteError> {
        self.transact("Keys::revoke", |state, at| {
            let mut keys = state.keys.iter_mut();
            let key = keys.find(|key| key.id == id).ok_or(WriteError::NotFound)?;
            key.revoked_at.get_or_insert(at);
            Ok(())
        })
        .await
    }

    async fn used(&self, id: KeyId, at: Timestamp) -> Result<(), StoreError> {
        self.transact("Keys::used", |state, _| {
            let minute = Timestamp::from_millis(at.millis() - at.millis() % USE_STEP_MILLIS);
            if let Some(key) = state.keys.iter_mut().find(|key| key.id == id) {
                key.last_used_at = key.last_used_at.max(Some(minute));
            }
            Ok(())
        })
        .await
    }
}

fn with_organizations(state: &State) -> impl Iterator<Item = (ApiKey, Organization)> {
    state.keys.iter().filter_map(|key| {
        let mut organizations = state.organizations.iter();
        let organization = organizations.find(|known| known.id == key.organization_id)?;
        Some((key.clone(), organization.clone()))
    })
}

#[async_trait]
impl DataKeys for MemoryStore {
    async fn list(&self, organization_id: OrganizationId) -> Result<Vec<WrappedKey>, StoreError> {
        self.read("DataKeys::list", |state| versions(state, organization_id))
            .await
    }

    async fn insert(
        &self,
        organization_id: OrganizationId,
        key: WrappedKey,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        self.transact("DataKeys::insert", |state, _| {
            let version = (organization_id, key.version);
            state.data_keys.entry(version).or_insert(key);
            Ok(versions(state, organization_id))
        })
        .await
    }

    async fn add(
        &self,
        _: Operator,
        organization_id: OrganizationId,
        key: WrappedKey,
        seals_from: Timestamp,
    ) -> Result<bool, StoreError> {
        self.transact("DataKeys::add", |state, at| {
            let version = (organization_id, key.version);
            let is_new = !state.data_keys.contains_key(&version);
            let seals = seals_from <= at;
            let key = WrappedKey { seals, ..key };
            state.data_keys.entry(version).or_insert(key);
            Ok(is_new)
        })
        .await
    }

    async fn all(&self) -> Result<Vec<(OrganizationId, WrappedKey)>, StoreError> {
        self.read("DataKeys::all", |state| {
            let keys = state.data_keys.iter();
            keys.map(|((owner, _), key)| (*owner, key.clone()))
                .collect()
        })
        .await
    }

    async fn rewrap(
        &self,
        _: Operator,
        organization_id: OrganizationId,
        found: WrappedKey,
        wrapped: Sealed,
    ) -> Result<bool, StoreError> {
        self.transact("DataKeys::rewrap", |state, _| {
            let kept = state.data_keys.get_mut(&(organization_id, found.version));
            let kept = kept.filter(|kept| kept.wrapped == found.wrapped);
            Ok(kept.map(|kept| kept.wrapped = wrapped).is_some())
        })
        .await
    }

    async fn drop_before(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<(), StoreError> {
        self.transact("DataKeys::drop_before", |state, _| {
            let keys = &mut state.data_keys;
            keys.retain(|(owner, kept), _| *owner != organization_id || *kept >= version);
            Ok(())
        })
        .await
    }

    async fn replace_canary(&self, found: Sealed, canary: Sealed) -> Result<bool, StoreError> {
        self.transact("DataKeys::replace_canary", |state, _| {
            let is_found = state.canary.as_ref() == Some(&found);
            if is_found {
                state.canary = Some(canary);
            }
            Ok(is_found)
        })
        .await
    }

    async fn canary(&self) -> Result<Option<Sealed>, StoreError> {
        self.read("DataKeys::canary", |state| state.canary.clone())
            .await
    }

    async fn plant_canary(&self, canary: Sealed) -> Result<Sealed, StoreError> {
        self.transact("DataKeys::plant_canary", |state, _| {
            Ok(state.canary.get_or_insert(canary).clone())
        })
        .await
    }
}

fn versions(state: &State, organization_id: OrganizationId) -> Vec<WrappedKey> {
    let all = (organization_id, 0)..=(organization_id, u32::MAX);
    state
        .data_keys
        .range(all)
        .map(|(_, key)| key.clone())
        .collect()
}
