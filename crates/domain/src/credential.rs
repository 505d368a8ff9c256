//! Credentials: what authenticates a person at a source.

use std::fmt;

use crate::edit::Edit;
use crate::id::{CredentialId, SourceId};
use crate::sealed::Sealed;
use crate::time::Timestamp;

/// What authenticates a person at a source. Its contents are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// The source that it is for.
    pub source_id: SourceId,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// The caller's own name for the person; not unique.
    pub external_id: Option<String>,
    /// What the source last said of it.
    pub status: CredentialStatus,
    /// User name and source fields, sealed: shown to the caller, context and not secrets.
    /// None once it is deleted.
    pub summary: Option<Sealed>,
    /// Password and TOTP secret, sealed; None with [`AuthMethod::None`] and once it is deleted.
    pub secret: Option<Sealed>,
    /// Counts up from 1 with every replacement of the two: what a run says of those that it began
    /// with is not said of later ones.
    pub secrets_version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a caller changes of a credential.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CredentialEdit {
    /// The caller's own name for the person.
    pub external_id: Edit<String>,
    /// What it authenticates with from now on, where that is new.
    pub contents: Option<CredentialContents>,
}

/// What a credential authenticates with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialContents {
    /// User name and source fields, sealed.
    pub summary: Sealed,
    /// Password and TOTP secret, sealed; None with [`AuthMethod::None`].
    pub secret: Option<Sealed>,
}

impl Credential {
    /// The credential after a change; None where that changes nothing. New contents are tried by
    /// nobody yet, also where they are what they were: that cannot be seen.
    #[must_use]
    pub fn edited(&self, edit: &CredentialEdit, now: Timestamp) -> Option<Self> {
        let mut edited = Self {
            external_id: edit.external_id.over(&self.external_id),
            ..self.clone()
        };
        if let Some(contents) = edit.contents.clone() {
            edited.status = CredentialStatus::Unverified;
            edited.summary = Some(contents.summary);
            edited.secret = contents.secret;
            edited.secrets_version += 1;
        }
        (edited != *self).then(|| Self {
            updated_at: now.following(self.updated_at),
            ..edited
        })
    }
}

/// How a credential authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthMethod {
    /// A user name and a password.
    UsernamePassword,
    /// Nothing: it only links a person of the caller's.
    None,
}

impl AuthMethod {
    /// Every method.
    pub const ALL: [Self; 2] = [Self::UsernamePassword, Self::None];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UsernamePassword => "username_password",
            Self::None => "none",
        }
    }

    /// The method of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }
}

/// What the source last said of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CredentialStatus {
    /// Not tried yet, with these secrets.
    Unverified,
    /// A login with it succeeded.
    Verified,
    /// The source refused it.
    Invalid,
    /// Its secrets are erased.
    Deleted,
}

impl CredentialStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [
        Self::Unverified,
        Self::Verified,
        Self::Invalid,
        Self::Deleted,
    ];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Verified => "verified",
            Self::Invalid => "invalid",
            Self::Deleted => "deleted",
        }
    }

    /// The status of this name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for CredentialStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The most source fields of a credential.
pub const MAX_SOURCE_FIELDS: usize = 10;

/// The longest `external_id`, in characters.
pub const MAX_EXTERNAL_ID_CHARACTERS: usize = 255;

/// Names that a source field must not take, since the credential has them already.
pub const RESERVED_SOURCE_FIELDS: [&str; 5] = [
    "username",
    "password",
    "key",
    "totp_secret",
    "source_fields",
];

/// Whether `key` may name a source field: `^[a-z][a-z0-9_]{0,63}$` and not reserved.
pub fn is_source_field(key: &str) -> bool {
    key.len() <= 64
        && key.starts_with(|first: char| first.is_ascii_lowercase())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !RESERVED_SOURCE_FIELDS.contains(&key)
}
