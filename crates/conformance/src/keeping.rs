//! A store as those have it who keep what is in it: the chainer, the sweepers, an operator.

use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretSlice;
use windlass_application::audit::HeadSeal;
use windlass_application::ports::vault::{OrganizationVault, Place, Vault, VaultError};
use windlass_application::ports::{Audit, Retention, SealedValues};
use windlass_domain::id::OrganizationId;
use windlass_domain::sealed::Sealed;

use crate::store::Fixture;

/// Runs a statement in the database, as somebody does who has got at it past Windlass; the number in
/// the first column of what it answers, or 0.
pub type Outside = Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = i64> + Send>> + Send + Sync>;

/// A store with two organizations in it, and its ports of keeping.
pub struct Keeping {
    /// The store.
    pub fixture: Fixture,
    /// Its audit.
    pub audit: Arc<dyn Audit>,
    /// All that is sealed in it.
    pub sealed_values: Arc<dyn SealedValues>,
    /// What of it is dropped.
    pub retention: Arc<dyn Retention>,
    outside: Outside,
}

impl Keeping {
    /// The ports of keeping of the store that the fixture is on.
    pub fn new<S>(fixture: Fixture, store: &Arc<S>, outside: Outside) -> Self
    where
        S: Audit + Retention + SealedValues + 'static,
    {
        Self {
            fixture,
            audit: Arc::clone(store) as Arc<dyn Audit>,
            sealed_values: Arc::clone(store) as Arc<dyn SealedValues>,
            retention: Arc::clone(store) as Arc<dyn Retention>,
            outside,
        }
    }

    /// Runs a statement in the database, past Windlass.
    pub async fn outside(&self, statement: &'static str) {
        (self.outside)(statement.to_owned()).await;
    }

    /// How many rows a table has.
    pub async fn count(&self, table: &str) -> i64 {
        (self.outside)(format!("SELECT count(*) FROM {table}")).await
    }

    /// The organization that the test is about.
    pub fn organization_id(&self) -> OrganizationId {
        self.fixture.organization.organization_id()
    }

    /// What seals the head of that organization's chain.
    pub fn head_seal(&self) -> HeadSeal {
        HeadSeal::new(self.organization_id(), Arc::new(PlainVault::default()))
    }
}

/// A vault that keeps no secret: what it seals says in plain text where it belongs.
#[derive(Debug, Clone, Copy)]
pub struct PlainVault {
    /// The version of the key that it would seal with.
    pub version: u8,
}

impl Default for PlainVault {
    fn default() -> Self {
        Self { version: 1 }
    }
}

impl PlainVault {
    fn prefix(place: Place<'_>) -> Vec<u8> {
        format!("{} of {}: ", place.name, place.row).into_bytes()
    }
}

impl OrganizationVault for PlainVault {
    fn seal(&self, place: Place<'_>, plaintext: &[u8]) -> Sealed {
        // As the vault's own: the form's version, then that of the key.
        let mut sealed = vec![1, 0, 0, 0, self.version];
        sealed.extend(Self::prefix(place));
        sealed.extend(plaintext);
        Sealed::from_bytes(sealed)
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<SecretSlice<u8>, VaultError> {
        let versionless = sealed.as_bytes().get(5..).unwrap_or_default();
        match versionless.strip_prefix(&*Self::prefix(place)) {
            Some(plaintext) => Ok(SecretSlice::from(plaintext.to_vec())),
            None => Err(VaultError::DoesNotOpen { name: place.name }),
        }
    }
}

#[async_trait]
impl Vault for PlainVault {
    async fn of(&self, _: OrganizationId) -> Result<Arc<dyn OrganizationVault>, VaultError> {
        Ok(Arc::new(*self))
    }
}
