//! Pools: where runs wait, by name, for a worker that leases from there.

use std::fmt;

/// A pool's name: 1 to 64 of `a–z 0–9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pool(String);

/// A text is not a pool's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pool's name has 1 to 64 of a–z, 0–9, `_` and `-`")]
pub struct NotAPool;

impl Pool {
    /// The longest name.
    pub const MAX_LENGTH: usize = 64;

    /// The pool of the embedded worker, and of no other.
    pub fn builtin() -> Self {
        Self("builtin".to_owned())
    }

    /// The pool of outside workers that name none.
    pub fn default_pool() -> Self {
        Self("default".to_owned())
    }

    /// Reads a pool's name.
    ///
    /// # Errors
    /// [`NotAPool`] where it is empty, too long, or holds another character.
    pub fn parse(text: &str) -> Result<Self, NotAPool> {
        let allowed =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if (1..=Self::MAX_LENGTH).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAPool)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
