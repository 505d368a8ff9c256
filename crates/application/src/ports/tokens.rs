//! Tokens for browser pages, kept as hashes.

use async_trait::async_trait;
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_domain::token::Token;

use crate::ports::error::{StoreError, WriteError};
use crate::write::{Write, Written};

/// Tokens for browser pages.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Keeps a new token, and drops those of the organization that have ended.
    async fn create(&self, write: Write, token: Token) -> Result<Written<Token>, WriteError>;

    /// The token of this hash, with the key that it was issued with and their organization. Whoever
    /// asks looks whether they have ended; one that has may be gone.
    async fn find(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<(Token, ApiKey, Organization)>, StoreError>;
}
