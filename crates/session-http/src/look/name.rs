//! The name that assistive software reads for an element. Source: Accessible Name and Description
//! Computation 1.2; HTML Accessibility API Mappings 1.0, "Accessible Name Computations By HTML Element".

use std::collections::HashMap;

use ego_tree::{NodeId, NodeRef};
use scraper::{ElementRef, Node};

use crate::form::input_type;
use crate::look::hidden::is_hidden;
use crate::look::normal;
use crate::page::{Page, is};

/// Where a name is cut; nobody looks for a longer one.
const MAX_NAME_BYTES: usize = 16 * 1024;

/// Roles whose name is their content, where nothing else names them.
const NAMED_BY_CONTENT: [&str; 17] = [
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
    "row",
    "rowheader",
    "switch",
    "tab",
    "treeitem",
];

/// The labels and ids of a page, found once for all names.
pub(super) struct Names<'page> {
    by_id: HashMap<&'page str, ElementRef<'page>>,
    /// The labels of each field, in the order of the page.
    labels: HashMap<NodeId, Vec<ElementRef<'page>>>,
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
    pub(super) fn of(page: &'page Page) -> Self {
        let mut by_id = HashMap::new();
        for element in page.elements() {
            if let Some(id) = element.attr("id") {
                by_id.entry(id).or_insert(element);
            }
        }
        let mut labels: HashMap<_, Vec<_>> = HashMap::new();
        for label in page.elements().filter(|element| is(element, "label")) {
            let field = match label.attr("for") {
                Some(id) => by_id.get(id).copied().filter(is_labelable),
                None => label
                    .descendants()
                    .filter_map(ElementRef::wrap)
                    .find(is_labelable),
            };
            if let Some(field) = field {
                labels.entry(field.id()).or_default().push(label);
            }
        }
        Self { by_id, labels }
    }

    /// The name of an element of this role; empty where it has none.
    pub(super) fn name(&self, element: &ElementRef<'page>, role: &str) -> String {
        normal(&self.raw(element, role, Part::Itself))
    }

    fn raw(&self, element: &ElementRef<'page>, role: &str, part: Part) -> String {
        if part == Part::Itself
            && let Some(name) = self.referenced(element)
        {
            return name;
        }
        let labeled = element.attr("aria-label").map(str::trim);
        if let Some(label) = labeled.filter(|label| !label.is_empty()) {
            return label.to_owned();
        }
        if part != Part::Itself
            && let Some(value) = embedded(element)
        {
            return value;
        }
        if let Some(name) = self
            .native(element, part)
            .filter(|name| !name.trim().is_empty())
        {
            return name;
        }
        if part != Part::Itself || NAMED_BY_CONTENT.contains(&role) {
            let content = self.content(element);
            if !content.trim().is_empty() {
                return content;
            }
        }
        tooltip(element).unwrap_or_default().to_owned()
    }

    /// What `aria-labelledby` says; None where it leads to nothing.
    fn referenced(&self, element: &ElementRef<'page>) -> Option<String> {
        let ids = element.attr("aria-labelledby")?;
        let names: Vec<_> = ids
            .split_ascii_whitespace()
            .filter_map(|id| self.by_id.get(id))
            .map(|referenced| self.raw(referenced, "", Part::Referenced))
            .collect();
        let name = names.join(" ");
        (!name.trim().is_empty()).then_some(name)
    }

    /// What the element's own kind is named by.
    fn native(&self, element: &ElementRef<'page>, part: Part) -> Option<String> {
        let attribute = |name| element.attr(name).map(str::to_owned);
        match element.value().name() {
            "input" => match input_type(element).as_str() {
                "button" => attribute("value"),
                "submit" => attribute("value").or_else(|| Some("Submit".to_owned())),
                "reset" => attribute("value").or_else(|| Some("Reset".to_owned())),
                "image" => attribute("alt")
                    .or_else(|| attribute("value"))
                    .or_else(|| attribute("title"))
                    .or_else(|| Some("Submit".to_owned())),
                _ => self.of_labels(element, part),
            },
            "button" | "meter" | "output" | "progress" | "select" | "textarea" => {
                self.of_labels(element, part)
            }
            "area" | "img" => attribute("alt"),
            "fieldset" => self.of_child(element, "legend"),
            "figure" => self.of_child(element, "figcaption"),
            "table" => self.of_child(element, "caption"),
            "svg" => self.of_child(element, "title"),
            "optgroup" => attribute("label"),
            "option" => attribute("label"),
            _ => None,
        }
    }

    fn of_labels(&self, element: &ElementRef<'page>, part: Part) -> Option<String> {
        if part != Part::Itself {
            return None;
        }
        let labels = self.labels.get(&element.id())?;
        let names: Vec<_> = labels
            .iter()
            .map(|label| self.label(label, element))
            .collect();
        Some(names.join(" "))
    }

    /// A label without the field that it is for.
    fn label(&self, label: &ElementRef<'page>, field: &ElementRef<'page>) -> String {
        let named = label
            .attr("aria-label")
            .filter(|name| !name.trim().is_empty());
        if let Some(name) = named {
            return name.to_owned();
        }
        let mut name = String::new();
        self.add_children(label, Some(field.id()), &mut name);
        name
    }

    fn of_child(&self, element: &ElementRef<'page>, name: &str) -> Option<String> {
        let mut children = element.child_elements();
        let child = children.find(|child| is(child, name))?;
        Some(self.content(&child))
    }

    fn content(&self, element: &ElementRef<'page>) -> String {
        let mut content = String::new();
        self.add_children(element, None, &mut content);
        content
    }

    fn add_children(
        &self,
        element: &ElementRef<'page>,
        without: Option<NodeId>,
        name: &mut String,
    ) {
        for child in element.children() {
            if name.len() > MAX_NAME_BYTES {
                return;
            }
            self.add(child, without, name);
        }
    }

    fn add(&self, node: NodeRef<'page, Node>, without: Option<NodeId>, name: &mut String) {
        if let Some(text) = node.value().as_text() {
            name.push_str(text);
        }
        let Some(element) = ElementRef::wrap(node) else {
            return;
        };
        if Some(element.id()) == without || is_hidden(&element) {
            return;
        }
        let apart = stands_apart(&element);
        if apart {
            name.push(' ');
        }
        let named = element
            .attr("aria-label")
            .is_some_and(|label| !label.trim().is_empty());
        if named || is_leaf(&element) {
            name.push_str(&self.raw(&element, "", Part::Content));
        } else {
            let before = name.len();
            self.add_children(&element, without, name);
            if name[before..].trim().is_empty()
                && let Some(tooltip) = tooltip(&element)
            {
                name.push_str(tooltip);
            }
        }
        if apart {
            name.push(' ');
        }
    }
}

/// What is named by an attribute or a value and not by what is in it.
fn is_leaf(element: &ElementRef) -> bool {
    matches!(
        element.value().name(),
        "area" | "img" | "input" | "select" | "svg" | "textarea"
    )
}

fn is_labelable(element: &ElementRef) -> bool {
    match element.value().name() {
        "input" => input_type(element) != "hidden",
        "button" | "meter" | "output" | "progress" | "select" | "textarea" => true,
        _ => false,
    }
}

/// The value of a field that stands in the label of another.
fn embedded(element: &ElementRef) -> Option<String> {
    match element.value().name() {
        "input" => match input_type(element).as_str() {
            "button" | "submit" | "reset" | "image" | "checkbox" | "radio" | "password" => None,
            _ => Some(element.attr("value").unwrap_or("").to_owned()),
        },
        "textarea" => Some(element.text().collect()),
        "select" => {
            let mut options = element
                .descendants()
                .filter_map(ElementRef::wrap)
                .filter(|option| is(option, "option"));
            let first = options.clone().next();
            let selected = options.find(|option| option.attr("selected").is_some());
            Some(
                selected
                    .or(first)
                    .map(|option| option.text().collect())
                    .unwrap_or_default(),
            )
        }
        _ => None,
    }
}

/// What shows where nothing names the element.
fn tooltip<'page>(element: &ElementRef<'page>) -> Option<&'page str> {
    let shown = |name| {
        element
            .attr(name)
            .filter(|text: &&str| !text.trim().is_empty())
    };
    let takes_text = matches!(element.value().name(), "input" | "textarea");
    shown("title").or_else(|| {
        let hint = || shown("placeholder").or_else(|| shown("aria-placeholder"));
        takes_text.then(hint).flatten()
    })
}

/// Whether the element's text stands apart from what is around it.
fn stands_apart(element: &ElementRef) -> bool {
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
