//! What may go wrong in a store.

use windlass_domain::run::Refusal;
use windlass_domain::slot::Exceeded;

use crate::problem::Resource;

/// A store did not do what was asked, through no fault of the caller.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot answer now: busy, full, gone. Repeating later may help.
    #[error("the store cannot answer now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It failed in a way that repeating does not mend.
    #[error("the store failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row breaks a rule that it was written under.
    #[error("{table} {row}: {rule}")]
    Corrupt {
        /// Which table.
        table: &'static str,
        /// Which row.
        row: String,
        /// What rule it breaks.
        rule: String,
    },
}

/// Why a write changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The thing does not exist, or is another organization's: the two look the same.
    #[error("there is no such thing")]
    NotFound,
    /// Something has the id that the caller chose.
    #[error("the id is taken")]
    IdTaken,
    /// It cannot be deleted while something needs it.
    #[error("it is in use by {by}")]
    InUse {
        /// By what, such as `3 tasks`.
        by: String,
    },
    /// Something that it refers to was deleted meanwhile.
    #[error("the {} that it refers to is gone", .what.noun())]
    ReferenceGone {
        /// What.
        what: Resource,
    },
    /// The credential's secrets are erased; nothing of it changes any more.
    #[error("the credential was deleted")]
    CredentialDeleted,
    /// More than one transaction changes.
    #[error("it is about more than {most}")]
    TooMuch {
        /// How much it may be about.
        most: u32,
    },
    /// The lifecycle refuses the command.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A start that is one too many for its organization.
    #[error(transparent)]
    Exceeded(#[from] Exceeded),
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    IdempotencyKeyReused,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
