//! Tokens for browser pages: what a page may hold instead of a key, for a short time.

use crate::id::{CredentialId, KeyId, OrganizationId, RunId, SourceId, TaskId, TokenId};
use crate::time::Timestamp;

/// What is kept of a token: never the token.
///
/// A page may make one credential, and do and see what is that credential's. The credential's id is
/// chosen with the token, so that nothing about a token ever changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// The organization that it belongs to.
    pub organization_id: OrganizationId,
    /// The key that it was issued with: without it, it is no good.
    pub key_id: KeyId,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// The credential that it may make, and use from then on.
    pub credential_id: CredentialId,
    /// To what it is narrowed.
    pub narrowing: Narrowing,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// To what a token is narrowed; None is anything that a token may touch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Narrowing {
    /// The source that it may read, and make its credential for.
    pub source_id: Option<SourceId>,
    /// Whose credential it makes, by the caller's own name for the person.
    pub external_id: Option<String>,
    /// The task that it may run.
    pub task_id: Option<TaskId>,
    /// The run whose question it may answer, and nothing else.
    pub run_id: Option<RunId>,
}
