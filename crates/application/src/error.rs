//! Why a use case did nothing.

use std::error::Error;

use windlass_domain::run::Refusal;
use windlass_domain::slot::Exceeded;

use crate::ports::blobs::BlobError;
use crate::ports::error::{StoreError, WriteError};
use crate::ports::vault::VaultError;
use crate::problem::{Problem, ProblemKind, Resource};

/// Why a use case did nothing. The API gives each its code.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The request itself: all that is wrong with it. Never empty.
    #[error("the request is wrong: {}", .0.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join(" "))]
    Invalid(Vec<Problem>),
    /// The thing does not exist, or is another organization's: the two look the same.
    #[error("no {} has this id", .0.noun())]
    NotFound(Resource),
    /// Something has the id that the caller chose.
    #[error("this id is taken")]
    IdTaken(Resource),
    /// It cannot be deleted while something needs it.
    #[error("it is in use by {by}")]
    InUse {
        /// By what, such as `3 tasks`.
        by: String,
    },
    /// A credential or source that is not the session's.
    #[error("the session has another {what}")]
    SessionMismatch {
        /// `credential` or `source`.
        what: &'static str,
    },
    /// A run with a credential whose secrets are erased.
    #[error("the credential was deleted")]
    CredentialDeleted,
    /// The lifecycle refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The organization has as much as it may.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// The idempotency key was used with another body.
    #[error("this idempotency key was used with another body")]
    IdempotencyKeyReused,
    /// The file store failed, or what was sent to it broke off.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// Something sealed does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CallError {
    /// One problem of one field.
    pub fn of(problem: Problem) -> Self {
        Self::Invalid(vec![problem])
    }

    /// What a store says of a write to this resource.
    pub fn of_write(error: WriteError, resource: Resource) -> Self {
        match error {
            WriteError::NotFound => Self::NotFound(resource),
            WriteError::IdTaken => Self::IdTaken(resource),
            WriteError::InUse { by } => Self::InUse { by },
            WriteError::ReferenceGone { what } => Self::NotFound(what),
            WriteError::CredentialDeleted => Self::CredentialDeleted,
            WriteError::TooMuch { most } => Self::of(Problem::of(
                ProblemKind::Invalid,
                "created_before",
                format!("The period has more than {most} events; take a shorter one."),
            )),
            WriteError::Refused(refusal) => Self::Refused(refusal),
            WriteError::Exceeded(exceeded) => Self::Exceeded(exceeded),
            WriteError::IdempotencyKeyReused => Self::IdempotencyKeyReused,
            WriteError::Store(error) => Self::Store(error),
        }
    }
}

/// An error with all that caused it, for the log: a store's own text says only that it failed.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_why_a_store_failed() {
        let busy = StoreError::Unavailable("database is locked".into());
        let error = VaultError::Keys(busy);

        assert_eq!(
            chain(&error),
            "the organization's keys cannot be had: the store cannot answer now: database is locked"
        );
    }
}
