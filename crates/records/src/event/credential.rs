//! A credential in the row of an event.

use serde::{Deserialize, Serialize};
use windlass_domain::Timestamp;
use windlass_domain::credential::{AuthMethod, Credential, CredentialStatus};
use windlass_domain::id::CredentialId;

use super::{known, source_id};
use crate::Impossible;

/// A credential without its sealed parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CredentialDetail {
    id: String,
    source_id: String,
    auth_method: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    status: String,
    secrets_version: u32,
    created_at: i64,
    updated_at: i64,
}

impl From<&Credential> for CredentialDetail {
    fn from(credential: &Credential) -> Self {
        Self {
            id: credential.id.to_string(),
            source_id: credential.source_id.to_string(),
            auth_method: credential.auth_method.as_str().to_owned(),
            external_id: credential.external_id.clone(),
            status: credential.status.as_str().to_owned(),
            secrets_version: credential.secrets_version,
            created_at: credential.created_at.millis(),
            updated_at: credential.updated_at.millis(),
        }
    }
}

impl TryFrom<CredentialDetail> for Credential {
    type Error = Impossible;

    fn try_from(detail: CredentialDetail) -> Result<Self, Impossible> {
        Ok(Self {
            id: known("credential", &detail.id, |id| CredentialId::parse(id).ok())?,
            source_id: source_id(&detail.source_id)?,
            auth_method: known("auth_method", &detail.auth_method, AuthMethod::parse)?,
            external_id: detail.external_id,
            status: known("status", &detail.status, CredentialStatus::parse)?,
            summary: None,
            secret: None,
            secrets_version: detail.secrets_version,
            created_at: Timestamp::from_millis(detail.created_at),
            updated_at: Timestamp::from_millis(detail.updated_at),
        })
    }
}
