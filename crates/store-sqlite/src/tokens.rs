//! Tokens for browser pages, kept as hashes.

use async_trait::async_trait;
use rusqlite::params;
use windlass_application::ports::{StoreError, Tokens, WriteError};
use windlass_application::{Outcome, Write, Written};
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_domain::token::Token;
use windlass_records::columns::{At, Id};
use windlass_records::rows::TokenRow;
use windlass_records::{Audited, select_token};

use crate::error::read;
use crate::store::SqliteStore;

#[async_trait]
impl Tokens for SqliteStore {
    async fn create(&self, write: Write, token: Token) -> Result<Written<Token>, WriteError> {
        self.write(write, move |transaction| {
            let organization_id = transaction.organization_id();
            let at = transaction.at();
            transaction.change(
                "DELETE FROM token WHERE organization_id = ? AND expires_at <= ?",
                params![Id(organization_id.uuid()), At(at)],
            )?;
            let narrowing = &token.narrowing;
            transaction.change(
                "INSERT INTO token
                     (id, organization_id, key_id, hash, credential_id, source_id, external_id, task_id,
                      run_id, created_at, expires_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    Id(token.id.uuid()),
                    Id(organization_id.uuid()),
                    Id(token.key_id.uuid()),
                    &token.hash[..],
                    Id(token.credential_id.uuid()),
                    narrowing.source_id.as_ref().map(ToString::to_string),
                    &narrowing.external_id,
                    narrowing.task_id.as_ref().map(ToString::to_string),
                    narrowing.run_id.map(|id| Id(id.uuid())),
                    At(token.created_at),
                    At(token.expires_at)
                ],
            )?;
            let audited = Audited::new("token.create", &token.id);
            transaction.keep(Outcome::Token(&token), Some(audited))?;
            Ok(token)
        })
        .await
    }

    async fn find(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<(Token, ApiKey, Organization)>, StoreError> {
        // Nothing but the hash says yet whose it is: this is what authentication asks.
        let row: Option<TokenRow> = self
            .look(|connection| {
                connection.row(select_token!("WHERE token.hash = ?"), params![&hash[..]])
            })
            .await?;
        row.map(read).transpose()
    }
}
