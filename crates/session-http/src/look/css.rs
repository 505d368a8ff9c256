//! CSS, matched within a bound: `p ~ p` and `:has(~ p)` look at all siblings of each element, and
//! nothing but the bound ends that.

use std::cell::Cell;
use std::fmt;

use ego_tree::iter::Descendants;
use ego_tree::{NodeId, NodeRef};
use html5ever::Namespace;
use scraper::selector::{CssLocalName, CssString, NonTSPseudoClass, Parser, PseudoElement, Simple};
use scraper::{ElementRef, Node};
use selectors::attr::{AttrSelectorOperation, CaseSensitivity, NamespaceConstraint};
use selectors::bloom::BloomFilter;
use selectors::context::{
    MatchingContext, MatchingForInvalidation, MatchingMode, NeedsSelectorFlags, QuirksMode,
    SelectorCaches,
};
use selectors::matching::{ElementSelectorFlags, matches_selector};
use selectors::parser::{ParseRelative, SelectorList};
use selectors::{Element, OpaqueElement};

use crate::look::Unlookable;
use crate::look::visits::{BYTES_OF_VISIT, Visits};
use crate::page::Page;

/// How many comparisons of a name take as long as going to another node.
const COMPARISONS_OF_VISIT: usize = 8;

/// A CSS selector, read once.
pub(crate) struct Css(SelectorList<Simple>);

impl Css {
    /// None where the text is no CSS selector.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut input = cssparser::Parser::new(text);
        SelectorList::parse(&Parser, &mut input, ParseRelative::No)
            .ok()
            .map(Self)
    }
}

impl Page {
    /// The elements that match, in the order of the page: in the whole page, or inside an element of it,
    /// which is `:scope` then. They are looked for one after the other; too much to look at ends them.
    pub(crate) fn matches<'page>(
        &'page self,
        scope: Option<ElementRef<'page>>,
        css: &'page Css,
    ) -> Matches<'page> {
        // What was taken out of the tree, such as the content of templates, is not looked at.
        let root = scope.unwrap_or_else(|| self.root());
        let mut next = root.descendants();
        if scope.is_some() {
            next.next();
        }
        Matches {
            css,
            scope: root.opaque(),
            next,
            caches: SelectorCaches::default(),
            visits: self.visits(),
            is_over: false,
        }
    }

    /// As [`Page::matches`], all at once.
    ///
    /// # Errors
    /// There is too much to look at.
    pub(crate) fn find(
        &self,
        scope: Option<ElementRef>,
        css: &Css,
    ) -> Result<Vec<NodeId>, Unlookable> {
        self.matches(scope, css)
            .map(|found| found.map(|element| element.id()))
            .collect()
    }

    /// What a selector finds on a page of a test.
    #[cfg(test)]
    pub(crate) fn css(&self, text: &str) -> Vec<NodeId> {
        let css = Css::parse(text).expect("the test wrote a selector");
        self.find(None, &css).expect("the page is small")
    }
}

/// The elements that a selector finds.
pub(crate) struct Matches<'page> {
    css: &'page Css,
    scope: OpaqueElement,
    next: Descendants<'page, Node>,
    caches: SelectorCaches,
    visits: Visits<'page>,
    is_over: bool,
}

impl Matches<'_> {
    fn is_match(&mut self, element: ElementRef) -> Result<bool, Unlookable> {
        let most = self.visits.left().saturating_mul(COMPARISONS_OF_VISIT);
        let left = Cell::new(Some(most));
        let mut context = MatchingContext::new(
            MatchingMode::Normal,
            None,
            &mut self.caches,
            QuirksMode::NoQuirks,
            NeedsSelectorFlags::No,
            MatchingForInvalidation::No,
        );
        context.scope_element = Some(self.scope);
        let element = Counted {
            element,
            left: &left,
        };
        let mut alternatives = self.css.0.slice().iter();
        let matches =
            alternatives.any(|one| matches_selector(one, 0, None, &element, &mut context));
        let left = left.get().ok_or(Unlookable::TooMuch)?;
        self.visits.add((most - left) / COMPARISONS_OF_VISIT + 1)?;
        Ok(matches)
    }
}

impl<'page> Iterator for Matches<'page> {
    type Item = Result<ElementRef<'page>, Unlookable>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_over {
            let node = self.next.next()?;
            let found = match ElementRef::wrap(node) {
                Some(element) => self.is_match(element).map(|yes| yes.then_some(element)),
                None => self.visits.add(1).map(|()| None),
            };
            self.is_over = found.is_err();
            if let Some(found) = found.transpose() {
                return Some(found);
            }
        }
        None
    }
}

/// An element that counts what is asked of it. When too much was, it leads nowhere any more, which
/// ends the matching soon; what that says is not read.
#[derive(Clone)]
struct Counted<'look> {
    element: ElementRef<'look>,
    /// How many comparisons are left; None after the last.
    left: &'look Cell<Option<usize>>,
}

impl<'look> Counted<'look> {
    /// Whether this many more may be made.
    fn may(&self, comparisons: usize) -> bool {
        let left = self.left.get();
        let left = left.and_then(|left| left.checked_sub(comparisons));
        self.left.set(left);
        left.is_some()
    }

    fn at(&self, element: ElementRef<'look>) -> Self {
        Self {
            element,
            left: self.left,
        }
    }

    /// The first element of these nodes.
    fn first(&self, nodes: impl Iterator<Item = NodeRef<'look, Node>>) -> Option<Self> {
        for node in nodes {
            if !self.may(COMPARISONS_OF_VISIT) {
                return None;
            }
            if let Some(element) = ElementRef::wrap(node) {
                return Some(self.at(element));
            }
        }
        None
    }

    /// Whether its attributes may be read.
    fn may_read(&self) -> bool {
        let attributes = self.element.value().attrs();
        let bytes: usize = attributes
            .map(|(name, value)| name.len() + value.len())
            .sum();
        self.may((1 + bytes / BYTES_OF_VISIT).saturating_mul(COMPARISONS_OF_VISIT))
    }
}

impl fmt::Debug for Counted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.element.fmt(formatter)
    }
}

impl Element for Counted<'_> {
    type Impl = Simple;

    fn opaque(&self) -> OpaqueElement {
        self.element.opaque()
    }

    fn parent_element(&self) -> Option<Self> {
        let parent = self
            .may(COMPARISONS_OF_VISIT)
            .then(|| self.element.parent());
        let parent = parent.flatten().and_then(ElementRef::wrap);
        parent.map(|parent| self.at(parent))
    }

    fn parent_node_is_shadow_root(&self) -> bool {
        false
    }

    fn containing_shadow_host(&self) -> Option<Self> {
        None
    }

    fn is_pseudo_element(&self) -> bool {
        false
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        self.first(self.element.prev_siblings())
    }

    fn next_sibling_element(&self) -> Option<Self> {
        self.first(self.element.next_siblings())
    }

    fn first_element_child(&self) -> Option<Self> {
        self.first(self.element.children())
    }

    fn is_html_element_in_html_document(&self) -> bool {
        self.element.is_html_element_in_html_document()
    }

    fn has_local_name(&self, name: &CssLocalName) -> bool {
        self.may(1) && self.element.has_local_name(name)
    }

    fn has_namespace(&self, namespace: &Namespace) -> bool {
        self.may(1) && self.element.has_namespace(namespace)
    }

    fn is_same_type(&self, other: &Self) -> bool {
        self.may(1) && self.element.is_same_type(&other.element)
    }

    fn attr_matches(
        &self,
        namespace: &NamespaceConstraint<&Namespace>,
        name: &CssLocalName,
        operation: &AttrSelectorOperation<&CssString>,
    ) -> bool {
        self.may_read() && self.element.attr_matches(namespace, name, operation)
    }

    fn match_non_ts_pseudo_class(
        &self,
        class: &NonTSPseudoClass,
        _context: &mut MatchingContext<Self::Impl>,
    ) -> bool {
        match *class {}
    }

    fn match_pseudo_element(
        &self,
        element: &PseudoElement,
        _context: &mut MatchingContext<Self::Impl>,
    ) -> bool {
        match *element {}
    }

    fn apply_selector_flags(&self, _flags: ElementSelectorFlags) {}

    fn is_link(&self) -> bool {
        self.element.is_link()
    }

    fn is_html_slot_element(&self) -> bool {
        self.element.is_html_slot_element()
    }

    fn has_id(&self, id: &CssLocalName, case: CaseSensitivity) -> bool {
        // It is found among the attributes once, and so are the classes.
        self.may(COMPARISONS_OF_VISIT) && self.element.has_id(id, case)
    }

    fn has_class(&self, name: &CssLocalName, case: CaseSensitivity) -> bool {
        let classes = self.element.value().classes().count();
        self.may(COMPARISONS_OF_VISIT + classes) && self.element.has_class(name, case)
    }

    fn has_custom_state(&self, _name: &CssLocalName) -> bool {
        false
    }

    fn imported_part(&self, _name: &CssLocalName) -> Option<CssLocalName> {
        None
    }

    fn is_part(&self, _name: &CssLocalName) -> bool {
        false
    }

    fn is_empty(&self) -> bool {
        let is_content = |node: NodeRef<Node>| node.value().is_element() || node.value().is_text();
        let mut children = self.element.children();
        !children.any(|child| !self.may(COMPARISONS_OF_VISIT) || is_content(child))
    }

    fn is_root(&self) -> bool {
        self.may(1) && self.element.is_root()
    }

    fn add_element_unique_hashes(&self, _filter: &mut BloomFilter) -> bool {
        false
    }
}
