//! Seals with an organization's newest key what is sealed with an older one, while all goes on.
//! Source: docs/decisions/0024-keys-are-rotated-while-all-goes-on.md.

use std::sync::Arc;

use secrecy::ExposeSecret;
use windlass_domain::id::OrganizationId;

use crate::ports::sealed_values::SealedColumn;
use crate::ports::vault::VaultError;
use crate::ports::{SealedValues, StoreError, Vault};

/// How many rows one step looks at. A run's input may have a megabyte.
const BATCH: u32 = 50;

/// Seals anew.
pub struct Reseal {
    values: Arc<dyn SealedValues>,
    vault: Arc<dyn Vault>,
}

/// What a pass over all columns did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passed {
    /// How many values were sealed with an older key.
    pub found: u64,
    /// How many of them are sealed with the newest one now. The others changed meanwhile.
    pub resealed: u64,
    /// How many of them do not open: they are left as they are.
    pub damaged: u64,
}

/// Why a pass ended early. Repeating goes on where it ended.
#[derive(Debug, thiserror::Error)]
pub enum NotResealed {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The organization's keys cannot be had.
    #[error(transparent)]
    Keys(#[from] VaultError),
}

impl Reseal {
    /// Over these ports.
    pub fn new(values: Arc<dyn SealedValues>, vault: Arc<dyn Vault>) -> Self {
        Self { values, vault }
    }

    /// Whether anything of an organization is sealed with a key before this version.
    ///
    /// # Errors
    /// The store failed.
    pub async fn is_needed(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<bool, StoreError> {
        for column in SealedColumn::ALL {
            let mut after = None;
            loop {
                let found =
                    self.values
                        .sealed_before(organization_id, column, version, after, BATCH);
                let found = found.await?;
                if !found.values.is_empty() {
                    return Ok(true);
                }
                after = found.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(false)
    }

    /// Seals all of an organization anew that is sealed with a key before this version, once along
    /// every column.
    ///
    /// # Errors
    /// The store failed, or the organization's keys cannot be had.
    pub async fn pass(
        &self,
        organization_id: OrganizationId,
        version: u32,
    ) -> Result<Passed, NotResealed> {
        let mut passed = Passed::default();
        for column in SealedColumn::ALL {
            let mut after = None;
            loop {
                let found =
                    self.values
                        .sealed_before(organization_id, column, version, after, BATCH);
                let found = found.await?;
                // Asked for each step: a vault knows the keys of the moment that it was had.
                let vault = self.vault.of(organization_id).await?;
                for value in found.values {
                    passed.found += 1;
                    let row = value.row.text();
                    let Ok(opened) = vault.open(value.place(&row), &value.sealed) else {
                        passed.damaged += 1;
                        continue;
                    };
                    let sealed = vault.seal(value.place(&row), opened.expose_secret());
                    let kept = self.values.reseal(organization_id, value, sealed);
                    passed.resealed += u64::from(kept.await?);
                }
                after = found.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(passed)
    }
}
