//! Tokens for browser pages.

use async_trait::async_trait;
use windlass_application::ports::{StoreError, Tokens, WriteError};
use windlass_application::{Outcome, Write, Written};
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_domain::token::Token;

use super::MemoryStore;
use super::write::Change;

#[async_trait]
impl Tokens for MemoryStore {
    async fn create(&self, write: Write, token: Token) -> Result<Written<Token>, WriteError> {
        let act = |change: Change<'_>| {
            let (owner, now) = (change.organization_id, change.at);
            let tokens = &mut change.state.tokens;
            tokens.retain(|other| other.organization_id != owner || other.expires_at > now);
            tokens.push(token.clone());
            Ok(token)
        };
        self.write("Tokens::create", write, act, |token| Outcome::Token(token))
            .await
    }

    async fn find(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<(Token, ApiKey, Organization)>, StoreError> {
        self.read("Tokens::find", |state| {
            let token = state.tokens.iter().find(|token| token.hash == hash)?;
            let key = state.keys.iter().find(|key| key.id == token.key_id)?;
            let mut organizations = state.organizations.iter();
            let organization = organizations.find(|it| it.id == key.organization_id)?;
            Some((token.clone(), key.clone(), organization.clone()))
        })
        .await
    }
}
