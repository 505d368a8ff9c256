//! What becomes of fields and parameters that are not known. Source: docs/api.md, "Bodies".

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The header that names what was left aside.
pub(crate) const IGNORED: HeaderName = HeaderName::from_static("windlass-ignored");

/// How many are named at most.
const MAX_NAMED: usize = 20;

/// How much of a name is told at most.
const MAX_NAME_CHARACTERS: usize = 64;

/// What stands for itself in a header that separates names by commas.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'/')
    .remove(b'[')
    .remove(b']');

/// What becomes of fields and parameters that are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownFields {
    /// The request is refused, so that a misspelt option does not pass unseen.
    #[default]
    Refuse,
    /// They are left aside, and the answer names them.
    Ignore,
}

/// What one request had that is not known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ignored(Arc<Mutex<BTreeSet<String>>>);

impl Ignored {
    /// A place for it, where it is left aside.
    pub(crate) fn of(unknown: UnknownFields) -> Option<Self> {
        match unknown {
            UnknownFields::Refuse => None,
            UnknownFields::Ignore => Some(Self::default()),
        }
    }

    /// Notes what was left aside.
    pub(crate) fn note(&self, names: impl IntoIterator<Item = String>) {
        // One insert after the other, of which a panic leaves none half done.
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if noted.len() < MAX_NAMED {
                noted.insert(name);
            }
        }
    }

    /// What the answer says of it.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let names: Vec<String> = noted.iter().map(|name| shown(name)).collect();
        if names.is_empty() {
            return None;
        }
        HeaderValue::from_str(&names.join(", ")).ok()
    }
}

/// A name as a header can have it.
fn shown(name: &str) -> String {
    let start: String = name.chars().take(MAX_NAME_CHARACTERS).collect();
    utf8_percent_encode(&start, PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_in_order_once_and_without_harm() {
        let ignored = Ignored::default();
        assert_eq!(ignored.header(), None);

        ignored.note(
            [
                "website.urll",
                "b\r\nSet-Cookie: x",
                "a, b",
                "b\r\nSet-Cookie: x",
            ]
            .map(String::from),
        );
        ignored.note((0..100).map(|number| format!("{}{number}", "x".repeat(1000))));

        let header = ignored.header().unwrap();
        let header = header.to_str().unwrap();
        assert!(
            header.starts_with("a%2C%20b, b%0D%0ASet-Cookie%3A%20x, website.urll, x"),
            "{header}"
        );
        assert_eq!(header.split(", ").count(), MAX_NAMED);
        assert!(header.len() < MAX_NAMED * 200, "{}", header.len());
    }
}
