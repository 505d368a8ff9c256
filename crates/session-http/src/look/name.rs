//! The name that assistive software reads for an element. Source: Accessible Name and Description
//! Computation 1.2; HTML Accessibility API Mappings 1.0, "Accessible Name Computations By HTML Element";
//! and Chrome, which records, where it does otherwise.

use std::collections::HashSet;

use ego_tree::{NodeId, NodeRef};
use scraper::{ElementRef, Node};

use crate::form::input_type;
use crate::look::hidden::is_hidden;
use crate::look::labels::Labels;
use crate::look::visits::Visits;
use crate::look::{Unlookable, normal};
use crate::page::{Page, is};

/// Where a name is cut; nobody looks for a longer one.
const MAX_NAME_BYTES: usize = 16 * 1024;

/// Roles whose name is their content, where nothing else names them; not rows, which browsers leave
/// without.
const NAMED_BY_CONTENT: [&str; 16] = [
    "button",
    "cell",
    "checkbox",
    "columnheader",
    "gridcell",
    "heading",
    "link",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "option",
    "radio",
    "rowheader",
    "switch",
    "tab",
    "treeitem",
];

/// The names of a page's elements, as far as one selector may look.
pub(super) struct Names<'page> {
    page: &'page Page,
    labels: &'page Labels,
    pub(super) visits: Visits<'page>,
}

/// How an element came to be a part of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It is what is named.
    Itself,
    /// `aria-labelledby` names it.
    Referenced,
    /// It stands in a label, or in what is named by its content.
    Content,
}

impl<'page> Names<'page> {
    pub(super) fn of(page: &'page Page) -> Result<Self, Unlookable> {
        let mut visits = page.visits();
        let labels = match page.looked.labels.get() {
            Some(labels) => labels,
            None => {
                let found = Labels::of(page, &mut visits)?;
                page.looked.labels.get_or_init(|| found)
            }
        };
        Ok(Self {
            page,
            labels,
            visits,
        })
    }

    /// The name of an element of this role; empty where it has none.
    pub(super) fn name(
        &mut self,
        element: &ElementRef<'page>,
        role: &str,
    ) -> Result<String, Unlookable> {
        Ok(normal(&self.raw(element, role, Part::Itself)?))
    }

    /// Whether it has this name. One that is written with no-break spaces is told from one without: icons
    /// of style sheets put them into the names that browsers read, and recordings have them then.
    pub(super) fn is_named(
        &mut self,
        element: &ElementRef<'page>,
        role: &str,
        wanted: &str,
    ) -> Result<bool, Unlookable> {
        let raw = self.raw(element, role, Part::Itself)?;
        Ok(match wanted.contains('\u{a0}') {
            false => normal(&raw) == wanted,
            true => {
                let is_space = |letter: char| letter.is_whitespace() && letter != '\u{a0}';
                let words = raw.split(is_space).filter(|word| !word.is_empty());
                words.eq(wanted.split(' '))
            }
        })
    }

    fn raw(
        &mut self,
        element: &ElementRef<'page>,
        role: &str,
        part: Part,
    ) -> Result<String, Unlookable> {
        self.visits.read(**element)?;
        if part == Part::Itself
            && let Some(name) = self.referenced(element)?
        {
            return Ok(name);
        }
        let labeled = element.attr("aria-label").map(str::trim);
        if let Some(label) = labeled.filter(|label| !label.is_empty()) {
            return Ok(label.to_owned());
        }
        if part != Part::Itself
            && let Some(value) = self.embedded(element)?
        {
            return Ok(value);
        }
        let labels = match part {
            Part::Itself => self.of_labels(element)?,
            Part::Referenced | Part::Content => None,
        };
        let is_labeled = labels.is_some();
        if let Some(name) = labels.filter(|name| !name.trim().is_empty()) {
            return Ok(name);
        }
        let caption = self.caption(element)?;
        let native = match caption {
            Some(caption) => Some(self.content(&caption, None)?),
            None => native(element),
        };
        if let Some(name) = native.filter(|name| !name.trim().is_empty()) {
            return Ok(name);
        }
        if part != Part::Itself || NAMED_BY_CONTENT.contains(&role) {
            // A caption that says nothing was read already: where they are nested, each level would
            // double the work.
            let content = self.content(element, caption.map(|caption| caption.id()))?;
            if !content.trim().is_empty() {
                return Ok(content);
            }
        }
        // Chrome looks for no hint where there is a label, though it may say nothing.
        let hint = || hint(element).filter(|_| !is_labeled);
        Ok(tooltip(element)
            .or_else(hint)
            .unwrap_or_default()
            .to_owned())
    }

    /// What `aria-labelledby` says; None where it leads to nothing.
    fn referenced(&mut self, element: &ElementRef<'page>) -> Result<Option<String>, Unlookable> {
        let Some(ids) = element.attr("aria-labelledby") else {
            return Ok(None);
        };
        let mut names = Vec::new();
        for id in ids.split_ascii_whitespace() {
            self.visits.add(1)?;
            let referenced = self.labels.by_id(id);
            if let Some(referenced) = referenced.and_then(|id| self.page.element(id)) {
                names.push(self.raw(&referenced, "", Part::Referenced)?);
            }
        }
        let name = names.join(" ");
        Ok((!name.trim().is_empty()).then_some(name))
    }

    /// What its labels say; None where it has none.
    fn of_labels(&mut self, element: &ElementRef<'page>) -> Result<Option<String>, Unlookable> {
        let Some(labels) = self.labels.of_field(element.id()) else {
            return Ok(None);
        };
        let (mut names, mut read) = (Vec::new(), HashSet::new());
        for label in labels {
            let Some(label) = self.page.element(*label) else {
                continue;
            };
            let mut is_read = false;
            for around in label.ancestors() {
                self.visits.add(1)?;
                is_read |= read.contains(&around.id());
            }
            // It was read with the one around it.
            if is_read {
                continue;
            }
            self.visits.read(*label)?;
            let named = label.attr("aria-label");
            match named.filter(|name| !name.trim().is_empty()) {
                Some(name) => names.push(name.to_owned()),
                None => {
                    read.insert(label.id());
                    // The field that it is for is no part of it.
                    names.push(self.content(&label, Some(element.id()))?);
                }
            }
        }
        Ok(Some(names.join(" ")))
    }

    /// The child that names an element of this kind.
    fn caption(
        &mut self,
        element: &ElementRef<'page>,
    ) -> Result<Option<ElementRef<'page>>, Unlookable> {
        let name = match element.value().name() {
            "fieldset" => "legend",
            "figure" => "figcaption",
            "svg" => "title",
            "table" => "caption",
            _ => return Ok(None),
        };
        for child in element.child_elements() {
            self.visits.add(1)?;
            if is(&child, name) {
                return Ok(Some(child));
            }
        }
        Ok(None)
    }

    fn content(
        &mut self,
        element: &ElementRef<'page>,
        without: Option<NodeId>,
    ) -> Result<String, Unlookable> {
        let mut content = String::new();
        self.add_children(element, without, &mut content)?;
        Ok(content)
    }

    fn add_children(
        &mut self,
        element: &ElementRef<'page>,
        without: Option<NodeId>,
        name: &mut String,
    ) -> Result<(), Unlookable> {
        for child in element.children() {
            if name.len() > MAX_NAME_BYTES {
                return Ok(());
            }
            self.add(child, without, name)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        node: NodeRef<'page, Node>,
        without: Option<NodeId>,
        name: &mut String,
    ) -> Result<(), Unlookable> {
        self.visits.read(node)?;
        if let Some(text) = node.value().as_text() {
            name.push_str(text);
        }
        let Some(element) = ElementRef::wrap(node) else {
            return Ok(());
        };
        if Some(element.id()) == without || is_hidden(&element) {
            return Ok(());
        }
        let apart = stands_apart(&element);
        if apart {
            name.push(' ');
        }
        let named = element
            .attr("aria-label")
            .is_some_and(|label| !label.trim().is_empty());
        if named || is_leaf(&element) {
            name.push_str(&self.raw(&element, "", Part::Content)?);
        } else {
            let before = name.len();
            self.add_children(&element, without, name)?;
            if name[before..].trim().is_empty()
                && let Some(tooltip) = tooltip(&element)
            {
                name.push_str(tooltip);
            }
        }
        if apart {
            name.push(' ');
        }
        Ok(())
    }

    /// The value of a field that stands in the label of another.
    fn embedded(&mut self, element: &ElementRef<'page>) -> Result<Option<String>, Unlookable> {
        Ok(match element.value().name() {
            "input" => match input_type(element).as_str() {
                "button" | "submit" | "reset" | "image" | "checkbox" | "radio" | "password"
                | "file" => None,
                _ => Some(element.attr("value").unwrap_or("").to_owned()),
            },
            "textarea" => Some(self.text(element)?),
            "select" => {
                let (mut first, mut selected) = (None, None);
                for node in element.descendants() {
                    self.visits.add(1)?;
                    let option = ElementRef::wrap(node).filter(|one| is(one, "option"));
                    first = first.or(option);
                    selected = option.filter(|option| option.attr("selected").is_some());
                    if selected.is_some() {
                        break;
                    }
                }
                match selected.or(first) {
                    Some(option) => Some(self.text(&option)?),
                    None => Some(String::new()),
                }
            }
            _ => None,
        })
    }

    fn text(&mut self, element: &ElementRef<'page>) -> Result<String, Unlookable> {
        let mut text = String::new();
        for node in element.descendants() {
            self.visits.read(node)?;
            if let Some(part) = node.value().as_text() {
                text.push_str(part);
            }
        }
        Ok(text)
    }
}

/// What the element's own kind is named by, other than labels and a caption.
fn native(element: &ElementRef) -> Option<String> {
    let attribute = |name| element.attr(name).map(str::to_owned);
    match element.value().name() {
        "input" => match input_type(element).as_str() {
            "button" => attribute("value"),
            "submit" => attribute("value").or_else(|| Some("Submit".to_owned())),
            "reset" => attribute("value").or_else(|| Some("Reset".to_owned())),
            "image" => attribute("alt")
                .filter(|text| !text.is_empty())
                .or_else(|| attribute("value"))
                .or_else(|| attribute("title"))
                .or_else(|| Some("Submit".to_owned())),
            "file" => Some(match element.attr("multiple") {
                Some(_) => "Choose Files".to_owned(),
                None => "Choose File".to_owned(),
            }),
            _ => None,
        },
        "area" | "img" => attribute("alt"),
        "optgroup" | "option" => attribute("label"),
        _ => None,
    }
}

/// What is named by an attribute or a value and not by what is in it.
fn is_leaf(element: &ElementRef) -> bool {
    matches!(
        element.value().name(),
        "area" | "img" | "input" | "select" | "svg" | "textarea"
    )
}

/// What shows where nothing names the element.
fn tooltip<'page>(element: &ElementRef<'page>) -> Option<&'page str> {
    said(element, "title")
}

/// What a field shows while nothing is written in it.
fn hint<'page>(element: &ElementRef<'page>) -> Option<&'page str> {
    let takes_text = matches!(element.value().name(), "input" | "textarea");
    let hint = || said(element, "placeholder").or_else(|| said(element, "aria-placeholder"));
    takes_text.then(hint).flatten()
}

fn said<'page>(element: &ElementRef<'page>, name: &str) -> Option<&'page str> {
    element.attr(name).filter(|text| !text.trim().is_empty())
}

/// Whether the element's text stands apart from what is around it.
pub(crate) fn stands_apart(element: &ElementRef) -> bool {
    matches!(
        element.value().name(),
        "address"
            | "article"
            | "aside"
            | "blockquote"
            | "br"
            | "caption"
            | "dd"
            | "details"
            | "div"
            | "dl"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "h1"
            | "h2"
            | "h3"
            | "h4"
            | "h5"
            | "h6"
            | "header"
            | "hr"
            | "input"
            | "legend"
            | "li"
            | "main"
            | "nav"
            | "ol"
            | "optgroup"
            | "option"
            | "p"
            | "pre"
            | "section"
            | "select"
            | "summary"
            | "table"
            | "tbody"
            | "td"
            | "textarea"
            | "tfoot"
            | "th"
            | "thead"
            | "tr"
            | "ul"
    )
}
