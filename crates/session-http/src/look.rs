//! How elements are looked for: CSS, names and roles, texts, XPath. Each kind finds what a browser
//! would find on the same page, in the order of the page. Source: docs/guides/write-a-playbook.md,
//! "Selectors".

mod aria;
mod css;
mod hidden;
mod labels;
mod name;
mod role;
mod shown;
mod text;
mod visits;
mod xpath;

use std::cell::OnceCell;
use std::collections::HashSet;
use std::fmt;

use ego_tree::NodeId;
use scraper::ElementRef;
use windlass_playbook::SelectorKind;

use self::labels::Labels;
use self::visits::Visited;
use crate::form::{Hindrance, Owners};
use crate::page::Page;
use crate::reading::normalize;

pub(crate) use self::css::Css;
pub(crate) use self::hidden::{There, is_invisible, takes_no_room};
pub(crate) use self::labels::{field_in, is_labelable};
pub(crate) use self::name::stands_apart;
pub(crate) use self::shown::{shown, shown_in_lines, text_of};
pub(crate) use self::visits::Visits;

/// Why nothing can be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unlookable {
    /// It is no CSS selector.
    Css,
    /// It is no name and role.
    Aria,
    /// It is no XPath that this tier reads; what is wrong with it.
    XPath(String),
    /// Its work grows beyond the page.
    TooMuch,
}

impl fmt::Display for Unlookable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Css => formatter.write_str("is no CSS selector"),
            Self::Aria => formatter.write_str("names neither a name nor a role"),
            Self::XPath(problem) => write!(formatter, "is no XPath that can be read: {problem}"),
            Self::TooMuch => formatter.write_str("takes too long on this page"),
        }
    }
}

impl From<Unlookable> for Hindrance {
    fn from(_: Unlookable) -> Self {
        "takes too long on this page"
    }
}

/// What is kept of looking for elements on a page, for those that are looked for next.
#[derive(Default)]
pub(crate) struct Looked {
    labels: OnceCell<Labels>,
    pub(crate) owners: OnceCell<Owners>,
    pub(crate) visited: Visited,
}

impl Page {
    /// What one selector, or one look at a form, may look at.
    pub(crate) fn visits(&self) -> Visits<'_> {
        Visits::of(&self.looked.visited)
    }

    /// These elements below `root`, each once, in the order of the page.
    ///
    /// # Errors
    /// There is too much to walk over.
    pub(crate) fn in_order(
        &self,
        root: ElementRef,
        ids: impl IntoIterator<Item = NodeId>,
    ) -> Result<Vec<NodeId>, Unlookable> {
        let mut wanted: HashSet<NodeId> = ids.into_iter().collect();
        if wanted.len() <= 1 {
            return Ok(wanted.into_iter().collect());
        }
        let mut visits = self.visits();
        let mut ordered = Vec::with_capacity(wanted.len());
        for node in root.descendants() {
            visits.add(1)?;
            if wanted.remove(&node.id()) {
                ordered.push(node.id());
            }
            if wanted.is_empty() {
                break;
            }
        }
        Ok(ordered)
    }

    /// The elements that a selector finds inside `scope`, in the order of the page; in the whole page
    /// where there is no scope. `text` is the selector without its prefix.
    ///
    /// Without script there are no shadow roots, so `pierce/` finds what CSS finds.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn look(
        &self,
        scope: Option<NodeId>,
        kind: SelectorKind,
        text: &str,
    ) -> Result<Vec<NodeId>, Unlookable> {
        let root = match scope {
            None => self.root(),
            Some(scope) => match self.element(scope) {
                Some(element) => element,
                None => return Ok(Vec::new()),
            },
        };
        match kind {
            SelectorKind::Css | SelectorKind::Pierce => {
                let css = Css::parse(text).ok_or(Unlookable::Css)?;
                self.find(scope.map(|_| root), &css)
            }
            SelectorKind::Aria => aria::find(self, &root, text),
            SelectorKind::Text => self.in_order(root, text::find(self, &root, text)?),
            SelectorKind::XPath => xpath::find(self, scope, text),
        }
    }

    /// The elements that a chain of selectors leads to: each looks inside what the one before found.
    ///
    /// # Errors
    /// Where one of them cannot be read.
    pub(crate) fn look_through<'selector>(
        &self,
        chain: impl IntoIterator<Item = (SelectorKind, &'selector str)>,
    ) -> Result<Vec<NodeId>, Unlookable> {
        let mut found: Option<Vec<NodeId>> = None;
        for (kind, text) in chain {
            let next = match found {
                None => self.look(None, kind, text)?,
                Some(scopes) => {
                    let mut inside = Vec::new();
                    for scope in scopes.into_iter().take(MAX_SCOPES) {
                        inside.extend(self.look(Some(scope), kind, text)?);
                    }
                    self.in_order(self.root(), inside)?
                }
            };
            found = Some(next);
        }
        Ok(found.unwrap_or_default())
    }

    /// What elements are called, one after the other: the name that assistive software reads, else their
    /// text.
    ///
    /// # Errors
    /// There is too much to read.
    pub(crate) fn called(
        &self,
        ids: Vec<NodeId>,
    ) -> Result<impl Iterator<Item = Result<(NodeId, String), Unlookable>>, Unlookable> {
        let mut names = name::Names::of(self)?;
        let elements = ids.into_iter().filter_map(|id| self.element(id));
        Ok(elements.map(move |element| {
            let name = names.name(&element, &role::role(&element))?;
            if !name.is_empty() {
                return Ok((element.id(), name));
            }
            for node in element.descendants() {
                names.visits.read(node)?;
            }
            Ok((element.id(), text_of(&element)))
        }))
    }

    /// The name that assistive software reads for an element, and its role.
    #[cfg(test)]
    fn name_and_role(&self, id: NodeId) -> (String, String) {
        let mut names = name::Names::of(self).expect("the page is small");
        let element = self.element(id).expect("the caller found it on this page");
        let role = role::role(&element);
        let name = names.name(&element, &role).expect("the page is small");
        (name, role)
    }
}

/// How many elements of one selector the next one of a chain looks inside.
const MAX_SCOPES: usize = 1000;

/// The text with white space as it is shown.
fn normal(text: &str) -> String {
    normalize(std::iter::once(text))
}

#[cfg(test)]
mod tests;
