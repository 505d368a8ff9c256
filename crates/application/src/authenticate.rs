//! Knows a caller by its API key.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tracing::warn;
use windlass_domain::Timestamp;
use windlass_domain::id::KeyId;
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_domain::token::Token;

use crate::error::chain;
use crate::ports::error::StoreError;
use crate::ports::{Clock, Keys, Tokens};
use crate::write::{Caller, OrganizationContext};

/// How exact a key's last use is.
const USED_EVERY: Duration = Duration::from_secs(60);

/// How many keys' last uses are remembered.
const MAX_REMEMBERED: u64 = 10_000;

/// The longest text that can be a key.
const MAX_KEY_LENGTH: usize = 512;

/// Why a caller is not known.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// No key, or one that is unknown, revoked or expired: all look the same.
    #[error("the API key is missing or not valid")]
    InvalidKey,
    /// Its organization is suspended.
    #[error("the organization is suspended")]
    Suspended,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Knows a caller by its API key.
pub struct Authenticate {
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) used: Cache<KeyId, Timestamp>,
}

impl Authenticate {
    pub(crate) fn new(keys: Arc<dyn Keys>, tokens: Arc<dyn Tokens>, clock: Arc<dyn Clock>) -> Self {
        Self {
            keys,
            tokens,
            clock,
            used: Cache::new(MAX_REMEMBERED),
        }
    }

    /// Who shows this key. The key is found by its hash, so that no comparison of secrets tells
    /// by its time how much of one was right.
    ///
    /// # Errors
    /// [`NotAuthenticated`] says why nobody is known.
    pub async fn execute(&self, key: &SecretString) -> Result<Caller, NotAuthenticated> {
        let text = key.expose_secret();
        if text.is_empty() || text.len() > MAX_KEY_LENGTH {
            return Err(NotAuthenticated::InvalidKey);
        }
        let found = self.keys.find(hash(key)).await?;
        let (key, organization) = found.ok_or(NotAuthenticated::InvalidKey)?;
        let now = self.clock.now();
        let caller = caller(&key, &organization, now)?;
        self.note_use(key.id, now).await;
        Ok(caller)
    }

    /// Who shows this token: whoever was given it by the caller whose key it was issued with, as
    /// long as that key is good itself.
    ///
    /// # Errors
    /// [`NotAuthenticated`] says why nobody is known.
    pub async fn by_token(
        &self,
        token: &SecretString,
    ) -> Result<(Caller, Token), NotAuthenticated> {
        if token.expose_secret().len() > MAX_KEY_LENGTH {
            return Err(NotAuthenticated::InvalidKey);
        }
        let found = self.tokens.find(hash(token)).await?;
        let (token, key, organization) = found.ok_or(NotAuthenticated::InvalidKey)?;
        let now = self.clock.now();
        if token.expires_at <= now {
            return Err(NotAuthenticated::InvalidKey);
        }
        Ok((caller(&key, &organization, now)?, token))
    }

    /// Once a minute and key: a write at every request would cost more than the request.
    async fn note_use(&self, id: KeyId, now: Timestamp) {
        let noted = self.used.get(&id);
        if noted.is_some_and(|at| now.since(at) < USED_EVERY) {
            return;
        }
        self.used.insert(id, now);
        if let Err(error) = self.keys.used(id, now).await {
            warn!(key.id = %id, "could not note that a key was used: {}", chain(&error));
        }
    }
}

/// Who shows this key at this moment.
fn caller(
    key: &ApiKey,
    organization: &Organization,
    now: Timestamp,
) -> Result<Caller, NotAuthenticated> {
    if key.revoked_at.is_some() || key.expires_at.is_some_and(|ends_at| ends_at <= now) {
        return Err(NotAuthenticated::InvalidKey);
    }
    if organization.suspended {
        return Err(NotAuthenticated::Suspended);
    }
    Ok(Caller {
        organization: OrganizationContext::of_server(organization.id),
        environment: organization.environment,
        key_id: key.id,
        scope: key.scope,
    })
}

/// What is kept of a key.
pub fn hash(key: &SecretString) -> [u8; 32] {
    Sha256::digest(key.expose_secret().as_bytes()).into()
}

#[cfg(test)]
mod tests;
