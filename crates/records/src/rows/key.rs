//! An API key in its row, with its organization.

use windlass_domain::Timestamp;
use windlass_domain::id::{KeyId, OrganizationId};
use windlass_domain::key::{ApiKey, Scope};
use windlass_domain::organization::Organization;

use super::organization::OrganizationRow;
use super::{Row, known, sha256};
use crate::Impossible;
use crate::columns::{At, Id};

const MINUTE_MILLIS: i64 = 60_000;

row! {
    /// A row of `api_key`, joined with its organization's, of which it has the name, the environment,
    /// whether it is suspended, and `organization_created_at`.
    #[derive(Debug)]
    pub struct KeyRow {
        id: Id,
        organization_id: Id,
        scope: String,
        hash: Vec<u8>,
        hint: String,
        created_at: At,
        last_used_at: Option<At>,
        expires_at: Option<At>,
        revoked_at: Option<At>,
        name: String,
        environment: String,
        suspended: bool,
        organization_created_at: At,
    }
}

impl Row for KeyRow {
    type Kept = (ApiKey, Organization);
    const TABLE: &'static str = "api_key";

    fn name(&self) -> String {
        KeyId::from_uuid(self.id.0).to_string()
    }

    fn kept(self) -> Result<Self::Kept, Impossible> {
        let organization = OrganizationRow {
            id: self.organization_id,
            name: self.name,
            environment: self.environment,
            suspended: self.suspended,
            created_at: self.organization_created_at,
        };
        let key = ApiKey {
            id: KeyId::from_uuid(self.id.0),
            organization_id: OrganizationId::from_uuid(self.organization_id.0),
            scope: known("scope", &self.scope, Scope::parse)?,
            hash: sha256(self.hash)?,
            hint: self.hint,
            created_at: self.created_at.0,
            last_used_at: self.last_used_at.map(|at| at.0),
            expires_at: self.expires_at.map(|at| at.0),
            revoked_at: self.revoked_at.map(|at| at.0),
        };
        Ok((key, organization.kept()?))
    }
}

/// The last use of a key is kept to the minute, so that most requests write nothing for it.
pub fn minute_of_use(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.millis() - at.millis().rem_euclid(MINUTE_MILLIS))
}
