//! An API key in its row, with its organization.

use windlass_domain::Timestamp;
use windlass_domain::id::{KeyId, OrganizationId};
use windlass_domain::key::{ApiKey, Scope};
use windlass_domain::organization::Organization;

use super::organization::OrganizationRow;
use super::{Row, known, sha256};
use crate::Impossible;
use crate::columns::{At, Id};

/// Selects keys as [`KeyRow`] has them. A macro, since a query's text is a constant.
#[macro_export]
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "SELECT api_key.id, api_key.organization_id, api_key.scope, api_key.hash,
                    api_key.hint, api_key.created_at, api_key.last_used_at, api_key.expires_at,
                    api_key.revoked_at, organization.name, organization.environment,
                    organization.suspended,
                    organization.created_at AS organization_created_at
             FROM api_key
             JOIN organization ON organization.id = api_key.organization_id ",
            $rest
        )
    };
}

const MINUTE_MILLIS: i64 = 60_000;

row! {
    /// What [`select_keys!`](crate::select_keys) brings: a row of `api_key`, with its organization.
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
