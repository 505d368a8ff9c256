//! Whether a text is a CSS selector. Source: Selectors Level 4.

use std::cell::Cell;
use std::fmt;

use cssparser::{CowRcStr, ParseError, ParseErrorKind, ToCss};
use precomputed_hash::PrecomputedHash;
use selectors::parser::{
    self, ParseRelative, SelectorImpl, SelectorList, SelectorParseErrorKind as Kind,
};

/// States of elements that only a browser knows; without one they cannot be looked for.
const STATES: [&str; 35] = [
    "active",
    "any-link",
    "autofill",
    "blank",
    "checked",
    "default",
    "defined",
    "disabled",
    "enabled",
    "focus",
    "focus-visible",
    "focus-within",
    "fullscreen",
    "hover",
    "in-range",
    "indeterminate",
    "invalid",
    "link",
    "modal",
    "open",
    "optional",
    "out-of-range",
    "paused",
    "picture-in-picture",
    "placeholder-shown",
    "playing",
    "popover-open",
    "read-only",
    "read-write",
    "required",
    "target",
    "user-invalid",
    "user-valid",
    "valid",
    "visited",
];

/// States with an argument.
const STATES_WITH_ARGUMENT: [&str; 3] = ["dir", "lang", "state"];

/// Who can look with a CSS selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadBy {
    /// Whoever has the elements and their attributes.
    Anybody,
    /// Only a browser: it asks for the state of an element.
    Browsers,
}

/// Reads a selector, whose placeholders are filled in.
///
/// # Errors
/// Why it is none, to follow "is no CSS selector: it ".
pub(super) fn read(text: &str) -> Result<ReadBy, &'static str> {
    let rules = Rules::default();
    let mut input = cssparser::Parser::new(text);
    match SelectorList::parse(&rules, &mut input, ParseRelative::No) {
        Ok(_) if rules.asks_for_state.get() => Ok(ReadBy::Browsers),
        Ok(_) => Ok(ReadBy::Anybody),
        Err(error) => Err(reason(&error)),
    }
}

fn reason(error: &ParseError<Kind>) -> &'static str {
    match &error.kind {
        ParseErrorKind::Basic(_) => "has a sign that cannot stand there, or ends too early",
        ParseErrorKind::Custom(kind) => match kind {
            Kind::EmptySelector => "has nothing where an element must be named",
            Kind::DanglingCombinator => "ends with a combinator",
            Kind::ClassNeedsIdent => "has a dot without the name of a class",
            Kind::UnsupportedPseudoClassOrElement => {
                "has a pseudo-class that there is not, or a pseudo-element, which is no element"
            }
            Kind::PseudoElementExpectedIdent
            | Kind::PseudoElementExpectedColon
            | Kind::NoIdentForPseudo => "has a colon without the name of a pseudo-class",
            Kind::NoQualifiedNameInAttributeSelector
            | Kind::UnexpectedTokenInAttributeSelector
            | Kind::BadValueInAttr
            | Kind::ExpectedBarInAttr
            | Kind::InvalidQualNameInAttr => "has brackets that name no attribute",
            Kind::ExpectedNamespace | Kind::ExplicitNamespaceUnexpectedToken => {
                "has a namespace, which pages do not have"
            }
            Kind::NonCompoundSelector
            | Kind::NonPseudoElementAfterSlotted
            | Kind::InvalidPseudoElementAfterSlotted
            | Kind::InvalidPseudoElementInsideWhere
            | Kind::InvalidState
            | Kind::UnexpectedIdent => "has a name that cannot stand there",
        },
    }
}

#[derive(Default)]
struct Rules {
    asks_for_state: Cell<bool>,
}

impl Rules {
    fn state(&self, name: &str, known: &[&str]) -> Result<State, ParseError<Kind>> {
        let name = name.to_ascii_lowercase();
        // Browsers have states of their own: `-webkit-autofill`.
        if known.contains(&name.as_str()) || name.starts_with('-') {
            self.asks_for_state.set(true);
            return Ok(State(name));
        }
        Err(ParseError::custom(Kind::UnsupportedPseudoClassOrElement))
    }
}

impl<'i> parser::Parser<'i> for Rules {
    type Impl = Names;
    type Error = Kind;

    fn parse_is_and_where(&self) -> bool {
        true
    }

    fn parse_has(&self) -> bool {
        true
    }

    /// A browser forgives what it cannot read inside `:is(…)` and looks without it; who writes a
    /// playbook wants to hear of it.
    fn allow_forgiving_selectors(&self) -> bool {
        false
    }

    fn parse_non_ts_pseudo_class(&self, name: CowRcStr<'i>) -> Result<State, ParseError<Kind>> {
        self.state(&name, &STATES)
    }

    fn parse_non_ts_functional_pseudo_class(
        &self,
        name: CowRcStr<'i>,
        parser: &mut cssparser::Parser<'i>,
        _after_part: bool,
    ) -> Result<State, ParseError<Kind>> {
        while parser.next().is_ok() {}
        self.state(&name, &STATES_WITH_ARGUMENT)
    }
}

#[derive(Debug, Clone, Copy)]
struct Names;

impl SelectorImpl for Names {
    type ExtraMatchingData<'a> = ();
    type AttrValue = Name;
    type Identifier = Name;
    type LocalName = Name;
    type NamespaceUrl = Name;
    type NamespacePrefix = Name;
    type BorrowedNamespaceUrl = Name;
    type BorrowedLocalName = Name;
    type NonTSPseudoClass = State;
    type PseudoElement = NoPseudoElement;
}

/// Any name or value in a selector: it is only read, never looked for.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Name(String);

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl ToCss for Name {
    fn to_css<W: fmt::Write>(&self, written: &mut W) -> fmt::Result {
        cssparser::serialize_identifier(&self.0, written)
    }
}

impl PrecomputedHash for Name {
    fn precomputed_hash(&self) -> u32 {
        // Nothing is looked up by it.
        0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct State(String);

impl ToCss for State {
    fn to_css<W: fmt::Write>(&self, written: &mut W) -> fmt::Result {
        write!(written, ":{}", self.0)
    }
}

impl parser::NonTSPseudoClass for State {
    fn is_active_or_hover(&self) -> bool {
        matches!(self.0.as_str(), "active" | "hover")
    }

    fn is_user_action_state(&self) -> bool {
        matches!(self.0.as_str(), "active" | "hover" | "focus")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum NoPseudoElement {}

impl ToCss for NoPseudoElement {
    fn to_css<W: fmt::Write>(&self, _written: &mut W) -> fmt::Result {
        match *self {}
    }
}

impl parser::PseudoElement for NoPseudoElement {}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("#a")]
    #[case("div.b > a[href^='x' i], *")]
    #[case("li:nth-of-type(2n+1):not(.x):is(a, b):where(c)")]
    #[case("tr:has(> td.sum)")]
    #[case(":scope > td:first-child")]
    #[case("#\\31 23")]
    #[case("a:not([hidden]) ~ b + c")]
    #[case("[data-test=\"x\"]")]
    fn what_pages_are_recorded_with_is_read(#[case] text: &str) {
        assert_eq!(read(text), Ok(ReadBy::Anybody));
    }

    #[rstest]
    #[case("input:checked")]
    #[case("a:hover, b")]
    #[case("p:lang(en)")]
    #[case("input:-webkit-autofill")]
    fn states_are_left_to_browsers(#[case] text: &str) {
        assert_eq!(read(text), Ok(ReadBy::Browsers));
    }

    #[rstest]
    #[case("")]
    #[case("div >")]
    #[case("> a")]
    #[case("a,,b")]
    #[case("a[")]
    #[case("a[href=]")]
    #[case("a..b")]
    #[case("#")]
    #[case("#1a")]
    #[case("a:contains('x')")]
    #[case("a::before")]
    #[case("a:is(b:eq(1))")]
    #[case("//a")]
    #[case("a{}")]
    #[case("svg|a")]
    #[case("li:nth-child(x)")]
    fn what_no_browser_reads_is_refused(#[case] text: &str) {
        assert!(read(text).is_err(), "{text}");
    }
}
