//! Selectors: how a step names the elements that it acts on.

use std::fmt;

use crate::placeholder::Template;

/// How an element is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SelectorKind {
    /// A CSS selector, without prefix.
    Css,
    /// `aria/…`: by its accessible name.
    Aria,
    /// `text/…`: by its text.
    Text,
    /// `xpath/…`
    XPath,
    /// `pierce/…`: a CSS selector that also looks inside shadow roots.
    Pierce,
}

impl SelectorKind {
    const PREFIXED: [(Self, &'static str); 4] = [
        (Self::Aria, "aria/"),
        (Self::Text, "text/"),
        (Self::XPath, "xpath/"),
        (Self::Pierce, "pierce/"),
    ];

    /// The kind of a selector as it is written, and what follows its prefix.
    pub(crate) fn of(written: &str) -> (Self, &str) {
        Self::PREFIXED
            .into_iter()
            .find_map(|(kind, prefix)| written.strip_prefix(prefix).map(|text| (kind, text)))
            .unwrap_or((Self::Css, written))
    }

    fn prefix(self) -> &'static str {
        Self::PREFIXED
            .into_iter()
            .find(|(kind, _)| *kind == self)
            .map_or("", |(_, prefix)| prefix)
    }
}

/// One selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// How it looks.
    pub kind: SelectorKind,
    /// For what, without the prefix. CSS may hold `{{input.…}}`.
    pub text: Template,
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.kind.prefix(), self.text)
    }
}

/// Alternatives, tried in this order. An alternative of several selectors leads through shadow roots:
/// each looks inside what the one before it found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selectors(pub Vec<Vec<Selector>>);

impl Selectors {
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        self.0.iter().flatten().map(|selector| &selector.text)
    }
}

/// The first alternative: who reads a message wants to know the step, not each way to its element.
impl fmt::Display for Selectors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, selector) in self.0.iter().take(1).flatten().enumerate() {
            if position > 0 {
                formatter.write_str(" → ")?;
            }
            selector.fmt(formatter)?;
        }
        Ok(())
    }
}
