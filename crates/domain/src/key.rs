//! API keys: who may call, for which organization, with which scope.

use crate::id::{KeyId, OrganizationId};
use crate::time::Timestamp;

/// What is kept of an API key: never the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: KeyId,
    /// The organization that it belongs to.
    pub organization_id: OrganizationId,
    /// What it may do.
    pub scope: Scope,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// The key's first characters, so that a person can tell keys apart.
    pub hint: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Everything of its organization.
    Full,
    /// Reads alone.
    Read,
    /// The worker protocol alone.
    Worker,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Full, Self::Read, Self::Worker];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Read => "read",
            Self::Worker => "worker",
        }
    }

    /// The scope of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}
