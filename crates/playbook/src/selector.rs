//! Selectors: how a step names the elements that it acts on. They are read when the playbook is:
//! what cannot be looked for is refused before a run needs it.

mod aria;
mod css;

use std::fmt;

use crate::placeholder::{Placeholder, Template};
use crate::xpath::XPath;

pub use aria::AriaQuery;
pub(crate) use aria::push_quoted;

/// The longest text of all alternatives of a step, in characters: a step may have hundreds.
const MAX_IN_FULL_CHARACTERS: usize = 1000;

/// How an element is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SelectorKind {
    /// A CSS selector, without prefix.
    Css,
    /// `aria/…`: by accessible name and role.
    Aria,
    /// `text/…`: by a part of its text.
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
    fn of(written: &str) -> (Self, &str) {
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

/// One selector, which was found to be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// How it looks.
    pub kind: SelectorKind,
    /// For what, without the prefix. All but XPath may hold `{{input.…}}` and `{{interaction.…}}`.
    pub text: Template,
    /// The same in a way of writing that a value cannot leave.
    pub(crate) safe: Template,
    /// Whether only a browser can look with it: it asks for the state of an element, such as
    /// `:hover`.
    pub needs_browser: bool,
}

impl Selector {
    /// Reads a selector as it is written.
    ///
    /// # Errors
    /// What is wrong with it, to follow its place.
    pub fn parse(written: &str) -> Result<Self, String> {
        let (kind, text) = SelectorKind::of(written);
        if text.trim().is_empty() {
            return Err("must say what to look for".to_owned());
        }
        let template = Template::parse(text)?;
        check_placeholders(kind, &template)?;
        let mut safe = template.clone();
        let needs_browser = match kind {
            SelectorKind::Css | SelectorKind::Pierce => css_needs_browser(&template)?,
            SelectorKind::Aria => {
                safe = quoted(&AriaQuery::parse(text)?, &template)?;
                false
            }
            SelectorKind::XPath => match XPath::parse(text) {
                Ok(_) => false,
                Err(reason) => return Err(format!("is no XPath expression: {reason}")),
            },
            SelectorKind::Text => false,
        };
        Ok(Self {
            kind,
            text: template,
            safe,
            needs_browser,
        })
    }
}

/// CSS has an escape for every letter, a name of `aria/` can be quoted, and what follows `text/` is
/// nothing but a text, so that a value cannot leave its place; in XPath nothing can be escaped. What is
/// secret is never filled in: which elements a page has would tell of it.
fn check_placeholders(kind: SelectorKind, text: &Template) -> Result<(), String> {
    let fillable = |placeholder: &Placeholder| {
        kind != SelectorKind::XPath
            && matches!(
                placeholder,
                Placeholder::Input(_) | Placeholder::Interaction(_)
            )
    };
    match text.placeholders().find(|one| !fillable(one)) {
        None => Ok(()),
        Some(placeholder) => Err(format!(
            "must not hold {{{{{placeholder}}}}}: CSS, aria/ and text/ selectors hold \
             {{{{input.NAME}}}} and {{{{interaction.NAME}}}}, and nothing else"
        )),
    }
}

/// An `aria/` selector whose name stands in quotes, where a value can be escaped.
fn quoted(query: &AriaQuery, written: &Template) -> Result<Template, String> {
    let same = |template: &Template| template.placeholders().eq(written.placeholders());
    let in_role = query.role.as_ref().is_some_and(|role| role.contains("{{"));
    Template::parse(&query.to_string())
        .ok()
        .filter(|template| !in_role && same(template))
        .ok_or_else(|| "must not hold a placeholder but in its name".to_owned())
}

fn css_needs_browser(text: &Template) -> Result<bool, String> {
    // Whatever is filled in is escaped, and so is a name or a part of one.
    let filled = text.filled_by(|_| "x");
    match css::read(&filled) {
        Ok(read_by) => Ok(read_by == css::ReadBy::Browsers),
        Err(reason) => Err(format!("is no CSS selector: it {reason}")),
    }
}

/// As it is written.
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

    /// All alternatives, as far as a message is long: which of them fits the page is what its reader
    /// has to find out.
    pub fn in_full(&self) -> String {
        let all: Vec<_> = self.0.iter().map(|one| written(one)).collect();
        let all = all.join(" or ");
        match all.char_indices().nth(MAX_IN_FULL_CHARACTERS) {
            Some((end, _)) => format!("{}…", &all[..end]),
            None => all,
        }
    }

    /// Whether no alternative can be looked for without a browser.
    pub(crate) fn need_browser(&self) -> bool {
        let needs = |alternative: &Vec<Selector>| alternative.iter().any(|one| one.needs_browser);
        self.0.iter().all(needs)
    }
}

/// The first alternative: who reads a message wants to know the step, not each way to its element.
impl fmt::Display for Selectors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.0.first().map(|first| written(first));
        formatter.write_str(&first.unwrap_or_default())
    }
}

fn written(alternative: &[Selector]) -> String {
    let way: Vec<_> = alternative.iter().map(Selector::to_string).collect();
    way.join(" → ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_a_selector_or_is_refused(
            prefix in prop::sample::select(vec!["", "aria/", "text/", "xpath/", "pierce/"]),
            text in r"[a-z#.:*>~+|$@'/=!<\[\]() \\\-0-9{}\x00]{0,40}|\PC{0,40}",
        ) {
            let written = format!("{prefix}{text}");
            if let Ok(selector) = Selector::parse(&written) {
                prop_assert_eq!(selector.to_string(), written);
            }
        }
    }

    #[rstest]
    #[case(
        "aria/{{interaction.a}}[role=\"link\"]",
        "[name=\"{{interaction.a}}\"][role=\"link\"]"
    )]
    #[case(
        "aria/Pay {{ input.a }} \"now\"",
        "[name=\"Pay {{ input.a }} \\\"now\\\"\"]"
    )]
    #[case("text/{{interaction.a}}", "{{interaction.a}}")]
    fn a_value_stands_where_it_can_be_escaped(#[case] written: &str, #[case] safe: &str) {
        let selector = Selector::parse(written).unwrap();

        assert_eq!(selector.safe.to_string(), safe);
        assert_eq!(selector.to_string(), written);
    }

    #[rstest]
    #[case("aria/Log in[role=\"{{input.a}}\"]")]
    #[case("aria/{{input.a\"b}}")]
    #[case("xpath//a[. = '{{input.a}}']")]
    #[case("#a-{{credential.username}}")]
    #[case("text/{{source.url}}")]
    fn where_a_value_could_leave_its_place_none_may_stand(#[case] written: &str) {
        assert!(Selector::parse(written).is_err());
    }

    #[test]
    fn alternatives_in_full_are_cut() {
        let alternative = |written: &str| vec![Selector::parse(written).unwrap()];
        let two = Selectors(vec![alternative("aria/å"), alternative("#b")]);
        let many = Selectors(vec![alternative("aria/å"); 1000]);

        assert_eq!(two.in_full(), "aria/å or #b");
        let in_full = many.in_full();
        assert_eq!(in_full.chars().count(), MAX_IN_FULL_CHARACTERS + 1);
        assert!(in_full.ends_with('…'), "{in_full}");
    }

    #[test]
    fn nesting_without_end_is_refused() {
        for (open, close) in [(":not(", ")"), (":is(", ")"), ("[", "]"), (":has(", ")")] {
            let nested = format!("a{}a{}", open.repeat(700), close.repeat(700));
            assert!(Selector::parse(&nested).is_err(), "{open}");
        }
    }
}
