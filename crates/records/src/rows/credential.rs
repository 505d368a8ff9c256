//! A credential in its row.

use windlass_domain::credential::{AuthMethod, Credential, CredentialStatus};
use windlass_domain::id::{CredentialId, SourceId};
use windlass_domain::sealed::Sealed;

use super::{Row, known};
use crate::Impossible;
use crate::columns::{At, Count, Id};

row! {
    /// A row of `credential`.
    #[derive(Debug)]
    pub struct CredentialRow {
        id: Id,
        source_id: String,
        auth_method: String,
        external_id: Option<String>,
        status: String,
        summary: Option<Vec<u8>>,
        secret: Option<Vec<u8>>,
        secrets_version: Count,
        created_at: At,
        updated_at: At,
    }
}

impl Row for CredentialRow {
    type Kept = Credential;
    const TABLE: &'static str = "credential";

    fn name(&self) -> String {
        CredentialId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<Credential, Impossible> {
        Ok(Credential {
            id: CredentialId::from_uuid(self.id.0),
            source_id: SourceId::parse(&self.source_id)?,
            auth_method: known("auth_method", &self.auth_method, AuthMethod::parse)?,
            external_id: self.external_id,
            status: known("status", &self.status, CredentialStatus::parse)?,
            summary: self.summary.map(Sealed::from_bytes),
            secret: self.secret.map(Sealed::from_bytes),
            secrets_version: self.secrets_version.0,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}
