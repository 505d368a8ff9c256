//! Organizations: the tenants that everything belongs to.

use crate::id::OrganizationId;
use crate::time::Timestamp;

/// A tenant. Nothing is shared between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Unique in the installation.
    pub name: String,
    /// Which keys it has.
    pub environment: Environment,
    /// A suspended organization is answered 403 by every call.
    pub suspended: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether an organization is for real work or for trying out; its keys say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Environment {
    /// Keys start with `sk_live_`.
    Live,
    /// Keys start with `sk_test_`.
    Test,
}

impl Environment {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The environment of this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Live, Self::Test]
            .into_iter()
            .find(|environment| environment.as_str() == text)
    }

    /// What its keys start with.
    pub fn key_prefix(self) -> &'static str {
        match self {
            Self::Live => "sk_live_",
            Self::Test => "sk_test_",
        }
    }
}
