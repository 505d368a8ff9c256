//! Tokens for browser pages, kept as hashes.

use async_trait::async_trait;
use windlass_application::ports::{StoreError, Tokens, WriteError};
use windlass_application::{Outcome, Write, Written};
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_domain::token::Token;
use windlass_records::columns::{At, Id};
use windlass_records::rows::TokenRow;
use windlass_records::{Audited, select_token};

use crate::error::{read, store_error};
use crate::store::SqliteStore;
use crate::write::Begun;

#[async_trait]
impl Tokens for SqliteStore {
    async fn create(&self, write: Write, token: Token) -> Result<Written<Token>, WriteError> {
        let mut transaction = match self.begin_write(write).await? {
            Begun::Fresh(transaction) => transaction,
            Begun::Replayed(answer) => return Ok(Written::Replayed(answer)),
        };
        let organization_id = transaction.organization_id();
        let at = transaction.at();
        sqlx::query("DELETE FROM token WHERE organization_id = ? AND expires_at <= ?")
            .bind(Id(organization_id.uuid()))
            .bind(At(at))
            .execute(transaction.connection().await?)
            .await
            .map_err(store_error)?;
        let narrowing = &token.narrowing;
        sqlx::query(
            "INSERT INTO token
                 (id, organization_id, key_id, hash, credential_id, source_id, external_id, task_id,
                  run_id, created_at, expires_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(Id(token.id.uuid()))
        .bind(Id(organization_id.uuid()))
        .bind(Id(token.key_id.uuid()))
        .bind(&token.hash[..])
        .bind(Id(token.credential_id.uuid()))
        .bind(narrowing.source_id.as_ref().map(ToString::to_string))
        .bind(&narrowing.external_id)
        .bind(narrowing.task_id.as_ref().map(ToString::to_string))
        .bind(narrowing.run_id.map(|id| Id(id.uuid())))
        .bind(At(token.created_at))
        .bind(At(token.expires_at))
        .execute(transaction.connection().await?)
        .await
        .map_err(store_error)?;
        let audited = Audited::new("token.create", &token.id);
        transaction
            .commit(Outcome::Token(&token), Some(audited))
            .await?;
        Ok(Written::Done(token))
    }

    async fn find(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<(Token, ApiKey, Organization)>, StoreError> {
        // Nothing but the hash says yet whose it is: this is what authentication asks.
        let row: Option<TokenRow> = sqlx::query_as(select_token!("WHERE token.hash = ?"))
            .bind(&hash[..])
            .fetch_optional(&mut *self.reader().await?)
            .await
            .map_err(store_error)?;
        row.map(read).transpose()
    }
}
