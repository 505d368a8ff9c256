//! The one clock that rules.

use windlass_domain::Timestamp;

/// The clock of the store: all deadlines are set and swept by it.
#[cfg_attr(test, mockall::automock)]
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}
