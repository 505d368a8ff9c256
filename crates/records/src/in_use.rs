//! What keeps something from being deleted, in the words of the refusal.

use windlass_application::ports::WriteError;

/// Refuses while anything needs it. `users` are counts with their nouns, as in `3 tasks` and
/// `2 credentials and 1 task run`.
///
/// # Errors
/// `InUse` where any count is above zero.
pub fn refuse_in_use(users: &[(i64, &str)]) -> Result<(), WriteError> {
    let by: Vec<String> = users
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| match count {
            1 => format!("1 {noun}"),
            _ => format!("{count} {noun}s"),
        })
        .collect();
    if by.is_empty() {
        Ok(())
    } else {
        Err(WriteError::InUse {
            by: by.join(" and "),
        })
    }
}
