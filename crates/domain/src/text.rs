//! Texts that a caller gives and everybody sees.

/// The most characters that a name has.
pub const MAX_NAME_CHARACTERS: usize = 255;

/// A text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAName {
    /// Nothing is left after trimming.
    #[error("must have 1 to 255 characters; it is empty")]
    Empty,
    /// More than 255 characters are left after trimming.
    #[error("must have 1 to 255 characters; it has {characters}")]
    TooLong {
        /// How many it has.
        characters: usize,
    },
    /// A control character, which could forge a log line or a header.
    #[error("must not hold control characters")]
    Control,
}

/// The name that `text` gives: trimmed, 1 to 255 characters, no control characters.
///
/// # Errors
/// [`NotAName`] says which of these is broken.
pub fn name(text: &str) -> Result<String, NotAName> {
    let trimmed = text.trim();
    let characters = trimmed.chars().count();
    match characters {
        0 => Err(NotAName::Empty),
        1..=MAX_NAME_CHARACTERS if trimmed.chars().any(char::is_control) => Err(NotAName::Control),
        1..=MAX_NAME_CHARACTERS => Ok(trimmed.to_owned()),
        _ => Err(NotAName::TooLong { characters }),
    }
}
