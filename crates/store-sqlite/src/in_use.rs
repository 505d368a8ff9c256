//! What keeps something from being deleted, in the words of the refusal.

use windlass_application::ports::WriteError;

/// Refuses while `count` of these need it: `3 tasks`.
pub(crate) fn refuse_in_use(count: i64, noun: &str) -> Result<(), WriteError> {
    match count {
        0 => Ok(()),
        1 => Err(WriteError::InUse {
            by: format!("1 {noun}"),
        }),
        _ => Err(WriteError::InUse {
            by: format!("{count} {noun}s"),
        }),
    }
}
