//! Everything that is sealed, wherever it is kept: for whoever seals it anew.

use async_trait::async_trait;
use windlass_domain::id::{CredentialId, DestinationId, OrganizationId, RunId};
use windlass_domain::sealed::Sealed;

use crate::contents;
use crate::ports::error::StoreError;
use crate::ports::vault::Place;

/// Where sealed values are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the column of its name")]
pub enum SealedColumn {
    RunInput,
    /// Checkpoints and answers, inside the state of runs that have not ended.
    RunState,
    CredentialSummary,
    CredentialSecret,
    CredentialLogin,
    WebhookSecret,
    WebhookHeaders,
    IdempotencyAnswer,
    AuditHead,
}

/// The row of a sealed value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the row of its name")]
pub enum SealedRow {
    Run(RunId),
    Credential(CredentialId),
    Destination(DestinationId),
    Answer {
        method: String,
        path: String,
        key: String,
    },
    Organization(OrganizationId),
}

/// A sealed value where it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// In which column.
    pub column: SealedColumn,
    /// In which row.
    pub row: SealedRow,
    /// The logical name that it is sealed as.
    pub name: &'static str,
    /// The value.
    pub sealed: Sealed,
}

/// What a step along a column found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The values that are sealed with an older key.
    pub values: Vec<SealedValue>,
    /// After which row the next step goes on; None at the end.
    pub next: Option<SealedRow>,
}

impl SealedColumn {
    /// Every column. A test of the store on PostgreSQL knows each column of bytes: a new one is
    /// either here or no secret.
    pub const ALL: [Self; 9] = [
        Self::RunInput,
        Self::RunState,
        Self::CredentialSummary,
        Self::CredentialSecret,
        Self::CredentialLogin,
        Self::WebhookSecret,
        Self::WebhookHeaders,
        Self::IdempotencyAnswer,
        Self::AuditHead,
    ];

    /// The logical name of its values; None where it has several.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::RunInput => Some(contents::RUN_INPUT),
            Self::RunState => None,
            Self::CredentialSummary => Some(contents::CREDENTIAL_SUMMARY),
            Self::CredentialSecret => Some(contents::CREDENTIAL_SECRET),
            Self::CredentialLogin => Some(contents::CREDENTIAL_LOGIN),
            Self::WebhookSecret => Some(contents::WEBHOOK_SECRET),
            Self::WebhookHeaders => Some(contents::WEBHOOK_HEADERS),
            Self::IdempotencyAnswer => Some(contents::IDEMPOTENCY_ANSWER),
            Self::AuditHead => Some(contents::AUDIT_HEAD),
        }
    }
}

impl SealedRow {
    /// The row as sealed values are bound to it.
    pub fn text(&self) -> String {
        match self {
            Self::Run(id) => id.to_string(),
            Self::Credential(id) => id.to_string(),
            Self::Destination(id) => id.to_string(),
            Self::Answer { method, path, key } => contents::answer_row(method, path, key),
            Self::Organization(id) => id.to_string(),
        }
    }
}

impl SealedValue {
    /// Where it belongs, with the text of its row.
    pub fn place<'a>(&self, row: &'a str) -> Place<'a> {
        Place {
            name: self.name,
            row,
        }
    }
}

/// Everything that is sealed.
#[cfg_attr(test, mockall::automock)]
#[async_trait]
pub trait SealedValues: Send + Sync {
    /// Looks at up to `limit` rows of an organization after this one, and finds the values that are
    /// sealed with a key before this version.
    async fn sealed_before(
        &self,
        organization_id: OrganizationId,
        column: SealedColumn,
        version: u32,
        after: Option<SealedRow>,
        limit: u32,
    ) -> Result<Found, StoreError>;

    /// Keeps a value as it is sealed now in place of the one that was found, unless it has changed;
    /// whether it was kept.
    async fn reseal(
        &self,
        organization_id: OrganizationId,
        found: SealedValue,
        sealed: Sealed,
    ) -> Result<bool, StoreError>;
}
