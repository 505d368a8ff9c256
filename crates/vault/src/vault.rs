//! The vault: opens each organization's data keys, and seals and opens with them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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

use crate::canary;
use crate::cipher::{Belonging, Cipher, KEY_BYTES, KeyBytes, key_version};
use crate::master_key::MasterKey;
use crate::master_keys::MasterKeys;

#[cfg(test)]
pub(crate) mod kept;

/// The version of an organization's first data key.
const FIRST: u32 = 1;

/// The logical name of a wrapped data key.
const DATA_KEY: &str = "data_key";

/// The vault over a master key: data keys are kept wrapped, and opened every few seconds.
pub struct KeyVault {
    master_keys: Arc<MasterKeys>,
    keys: Arc<dyn DataKeys>,
    /// Opened keys, some hundred bytes for each organization that was at work since the start:
    /// only an operator makes organizations, so that it needs no bound.
    opened: Mutex<HashMap<OrganizationId, (Instant, Arc<OpenedKeys>)>>,
}

/// How long opened keys are good without a look at what is kept: a new version is known everywhere
/// after that.
const GOOD_FOR: Duration = Duration::from_secs(5);

/// The data keys of one organization, opened.
struct OpenedKeys {
    organization_id: OrganizationId,
    /// What is sealed from now on is sealed with this one.
    sealing: (u32, Cipher),
    /// Those before it, and one that is about to take its place.
    others: Vec<(u32, Cipher)>,
}

impl KeyVault {
    /// A vault over this key, which [`crate::canary::prove`] has proven.
    pub fn new(master_key: &MasterKey, keys: Arc<dyn DataKeys>) -> Self {
        let master_keys = MasterKeys::given(master_key.again(), None);
        Self::of_keys(Arc::new(master_keys), keys)
    }

    /// A vault over these keys, of which [`crate::canary::prove`] has proven one.
    pub fn of_keys(master_keys: Arc<MasterKeys>, keys: Arc<dyn DataKeys>) -> Self {
        Self {
            master_keys,
            keys,
            opened: Mutex::default(),
        }
    }

    /// The next version of an organization's key, wrapped; it does not seal yet.
    ///
    /// # Errors
    /// It cannot be known with which master key.
    pub async fn fresh(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<WrappedKey, VaultError> {
        self.wrap_fresh(organization_id, version).await
    }

    fn cached(&self, organization_id: OrganizationId) -> Option<Arc<OpenedKeys>> {
        let opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, keys) = opened.get(&organization_id)?;
        (read_at.elapsed() < GOOD_FOR).then(|| Arc::clone(keys))
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
        let fresh = self.wrap_fresh(organization_id, FIRST).await?;
        let kept = self.keys.insert(organization_id, fresh).await;
        kept.map_err(VaultError::Keys)
    }

    async fn wrap_fresh(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<WrappedKey, VaultError> {
        let canary = self.keys.canary().await.map_err(VaultError::Keys)?;
        // While the master key is rotated, that of the canary is the one which every server knows.
        let master_key = match canary {
            Some(canary) => canary::opened_by(&self.master_keys, &canary),
            None => self.master_keys.known().into_iter().next(),
        };
        let master_key = master_key.ok_or(VaultError::DoesNotOpen { name: DATA_KEY })?;
        let key: KeyBytes = Zeroizing::new(random::bytes());
        let belonging = wrapped_key(organization_id, version);
        Ok(WrappedKey {
            version,
            wrapped: master_key.cipher().seal(belonging, key.as_slice()),
            seals: true,
        })
    }

    fn unwrap(
        &self,
        organization_id: OrganizationId,
        key: &WrappedKey,
    ) -> Result<(u32, Cipher), VaultError> {
        let refused = VaultError::DoesNotOpen { name: DATA_KEY };
        let belonging = wrapped_key(organization_id, key.version);
        let Some((_, bytes)) = self.master_keys.open(belonging, &key.wrapped) else {
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
        let read_at = Instant::now();
        let wrapped = self.wrapped(organization_id).await?;
        let sealing = wrapped.iter().rposition(|key| key.seals);
        let sealing = sealing.ok_or_else(|| VaultError::Keys(no_key(organization_id)))?;
        let mut others = wrapped
            .iter()
            .map(|key| self.unwrap(organization_id, key))
            .collect::<Result<Vec<_>, _>>()?;
        let keys = Arc::new(OpenedKeys {
            organization_id,
            sealing: others.remove(sealing),
            others,
        });
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        opened.insert(organization_id, (read_at, Arc::clone(&keys)));
        Ok(keys)
    }
}

impl OrganizationVault for OpenedKeys {
    fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> Sealed {
        let (version, cipher) = &self.sealing;
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
        let mut likely_first = std::iter::once(&self.sealing).chain(self.others.iter().rev());
        likely_first.find(|(known, _)| *known == version)
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
pub(crate) fn wrapped_key(organization_id: OrganizationId, version: u32) -> Belonging<'static> {
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
