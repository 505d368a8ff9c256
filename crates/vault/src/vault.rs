//! The vault: opens each organization's data keys once, and seals and opens with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretSlice};
use windlass_application::ports::error::StoreError;
use windlass_application::ports::vault::{
    DataKeys, OrganizationVault, Place, Vault, VaultError, WrappedKey,
};
use windlass_application::random;
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;
use zeroize::Zeroizing;

use crate::cipher::{Belonging, Cipher, KEY_BYTES, KeyBytes, key_version};
use crate::master_key::MasterKey;

#[cfg(test)]
pub(crate) mod kept;

/// The version of an organization's first data key.
const FIRST: u32 = 1;

/// The logical name of a wrapped data key.
const DATA_KEY: &str = "data_key";

/// The vault over a master key: data keys are kept wrapped and opened once per process.
pub struct KeyVault {
    wrapping: Cipher,
    keys: Arc<dyn DataKeys>,
    /// Opened keys, some hundred bytes for each organization that was at work since the start:
    /// only an operator makes organizations, so that it needs no bound.
    opened: Mutex<HashMap<OrganizationId, Arc<OpenedKeys>>>,
}

/// The data keys of one organization, opened.
struct OpenedKeys {
    organization_id: OrganizationId,
    /// What is sealed from now on is sealed with this one.
    newest: (u32, Cipher),
    /// Oldest first.
    older: Vec<(u32, Cipher)>,
}

impl KeyVault {
    /// A vault over this key, which [`crate::canary::prove`] has proven.
    pub fn new(master_key: &MasterKey, keys: Arc<dyn DataKeys>) -> Self {
        Self {
            wrapping: master_key.cipher(),
            keys,
            opened: Mutex::default(),
        }
    }

    fn cached(&self, organization_id: OrganizationId) -> Option<Arc<OpenedKeys>> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.get(&organization_id).cloned()
    }

    /// All versions of an organization's key, of which the first is made where there is none. Of
    /// two that make it at once the store keeps one, and both go on with that.
    async fn wrapped(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Vec<WrappedKey>, VaultError> {
        let kept = self.keys.list(organization_id).await;
        let kept = kept.map_err(VaultError::Keys)?;
        if !kept.is_empty() {
            return Ok(kept);
        }
        let fresh = self.wrap_fresh(organization_id);
        let kept = self.keys.insert(organization_id, fresh).await;
        kept.map_err(VaultError::Keys)
    }

    fn wrap_fresh(&self, organization_id: OrganizationId) -> WrappedKey {
        let key: KeyBytes = Zeroizing::new(random::bytes());
        let belonging = wrapped_key(organization_id, FIRST);
        WrappedKey {
            version: FIRST,
            wrapped: self.wrapping.seal(belonging, key.as_slice()),
        }
    }

    fn unwrap(
        &self,
        organization_id: OrganizationId,
        key: &WrappedKey,
    ) -> Result<(u32, Cipher), VaultError> {
        let refused = VaultError::DoesNotOpen { name: DATA_KEY };
        let belonging = wrapped_key(organization_id, key.version);
        let Ok(bytes) = self.wrapping.open(belonging, &key.wrapped) else {
            return Err(refused);
        };
        let mut opened = Zeroizing::new([0; KEY_BYTES]);
        if bytes.expose_secret().len() != opened.len() {
            return Err(refused);
        }
        opened.copy_from_slice(bytes.expose_secret());
        Ok((key.version, Cipher::new(&opened)))
    }
}

#[async_trait]
impl Vault for KeyVault {
    async fn of(
        &self,
        organization_id: OrganizationId,
    ) -> Result<Arc<dyn OrganizationVault>, VaultError> {
        if let Some(keys) = self.cached(organization_id) {
            return Ok(keys);
        }
        let wrapped = self.wrapped(organization_id).await?;
        let mut older = wrapped
            .iter()
            .map(|key| self.unwrap(organization_id, key))
            .collect::<Result<Vec<_>, _>>()?;
        let newest = older
            .pop()
            .ok_or_else(|| VaultError::Keys(no_key(organization_id)))?;
        let keys = Arc::new(OpenedKeys {
            organization_id,
            newest,
            older,
        });
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(organization_id, Arc::clone(&keys));
        Ok(keys)
    }
}

impl OrganizationVault for OpenedKeys {
    fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> Sealed {
        let (version, cipher) = &self.newest;
        cipher.seal(self.belonging(place, *version), plaintext)
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretSlice<u8>, VaultError> {
        let refused = VaultError::DoesNotOpen { name: place.name };
        let Some((version, cipher)) = key_version(sealed).and_then(|version| self.key(version))
        else {
            return Err(refused);
        };
        cipher
            .open(self.belonging(place, *version), sealed)
            .map_err(|_| refused)
    }
}

impl OpenedKeys {
    fn key(&self, version: u32) -> Option<&(u32, Cipher)> {
        let mut newest_first = std::iter::once(&self.newest).chain(self.older.iter().rev());
        newest_first.find(|(known, _)| *known == version)
    }

    fn belonging<'a>(&self, place: Place<'a>, key_version: u32) -> Belonging<'a> {
        Belonging {
            name: place.name,
            organization_id: Some(self.organization_id),
            row: place.row,
            key_version,
        }
    }
}

/// Where a wrapped data key belongs. Its version stands for the row: it has no other.
fn wrapped_key(organization_id: OrganizationId, version: u32) -> Belonging<'static> {
    Belonging {
        name: DATA_KEY,
        organization_id: Some(organization_id),
        row: "",
        key_version: version,
    }
}

fn no_key(organization_id: OrganizationId) -> StoreError {
    StoreError::Corrupt {
        table: "data_key",
        row: organization_id.to_string(),
        rule: "an organization whose key was kept has one".to_owned(),
    }
}

#[cfg(test)]
mod tests;
