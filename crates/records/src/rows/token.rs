//! A token in its row, with its key and organization.

use windlass_domain::id::{CredentialId, KeyId, OrganizationId, RunId, SourceId, TaskId, TokenId};
use windlass_domain::key::ApiKey;
use windlass_domain::organization::Organization;
use windlass_domain::token::{Narrowing, Token};

use super::key::KeyRow;
use super::{Row, sha256};
use crate::Impossible;
use crate::columns::{At, Id};
#[cfg(feature = "sqlite")]
use crate::sqlite::{Columns, FromRow};

/// Selects a token by its hash, as [`TokenRow`] has it. A macro, since a query's text is a constant.
#[macro_export]
macro_rules! select_token {
    ($rest:literal) => {
        concat!(
            "SELECT token.id AS token_id, token.hash AS token_hash,
                    token.credential_id AS token_credential_id,
                    token.source_id AS token_source_id, token.external_id AS token_external_id,
                    token.task_id AS token_task_id, token.run_id AS token_run_id,
                    token.created_at AS token_created_at, token.expires_at AS token_expires_at,
                    api_key.id, api_key.organization_id, api_key.scope, api_key.hash,
                    api_key.hint, api_key.created_at, api_key.last_used_at, api_key.expires_at,
                    api_key.revoked_at, organization.name, organization.environment,
                    organization.suspended,
                    organization.created_at AS organization_created_at
             FROM token
             JOIN api_key ON api_key.id = token.key_id
             JOIN organization ON organization.id = api_key.organization_id ",
            $rest
        )
    };
}

/// What [`select_token!`](crate::select_token) brings.
#[cfg_attr(feature = "postgres", derive(sqlx::FromRow))]
#[derive(Debug)]
pub struct TokenRow {
    token_id: Id,
    token_hash: Vec<u8>,
    token_credential_id: Id,
    token_source_id: Option<String>,
    token_external_id: Option<String>,
    token_task_id: Option<String>,
    token_run_id: Option<Id>,
    token_created_at: At,
    token_expires_at: At,
    #[cfg_attr(feature = "postgres", sqlx(flatten))]
    key: KeyRow,
}

#[cfg(feature = "sqlite")]
impl FromRow for TokenRow {
    fn from_row(columns: &mut Columns<'_, '_>) -> rusqlite::Result<Self> {
        Ok(Self {
            token_id: columns.get("token_id")?,
            token_hash: columns.get("token_hash")?,
            token_credential_id: columns.get("token_credential_id")?,
            token_source_id: columns.get("token_source_id")?,
            token_external_id: columns.get("token_external_id")?,
            token_task_id: columns.get("token_task_id")?,
            token_run_id: columns.get("token_run_id")?,
            token_created_at: columns.get("token_created_at")?,
            token_expires_at: columns.get("token_expires_at")?,
            key: KeyRow::from_row(columns)?,
        })
    }
}

impl Row for TokenRow {
    type Kept = (Token, ApiKey, Organization);
    const TABLE: &'static str = "token";

    fn name(&self) -> String {
        TokenId::from_uuid(self.token_id.0).to_string()
    }

    fn kept(self) -> Result<Self::Kept, Impossible> {
        let (key, organization) = self.key.kept()?;
        let source_id = self.token_source_id.as_deref();
        let task_id = self.token_task_id.as_deref();
        let token = Token {
            id: TokenId::from_uuid(self.token_id.0),
            organization_id: OrganizationId::from_uuid(organization.id.uuid()),
            key_id: KeyId::from_uuid(key.id.uuid()),
            hash: sha256(self.token_hash)?,
            credential_id: CredentialId::from_uuid(self.token_credential_id.0),
            narrowing: Narrowing {
                source_id: source_id.map(SourceId::parse).transpose()?,
                external_id: self.token_external_id,
                task_id: task_id.map(TaskId::parse).transpose()?,
                run_id: self.token_run_id.map(|id| RunId::from_uuid(id.0)),
            },
            created_at: self.token_created_at.0,
            expires_at: self.token_expires_at.0,
        };
        Ok((token, key, organization))
    }
}
