//! `text/Log in`: the innermost elements that show a text.

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use scraper::ElementRef;

use crate::form::input_type;
use crate::look::hidden::is_hidden;
use crate::look::visits::Visits;
use crate::look::{Unlookable, normal};
use crate::page::Page;

/// What shows inside the root, with white space as one space, and where each element stands in it.
#[derive(Default)]
struct Shown {
    text: String,
    /// In the order in which the elements end.
    elements: Vec<(NodeId, usize, usize)>,
}

/// # Errors
/// There is too much to read.
pub(super) fn find(page: &Page, root: &ElementRef, text: &str) -> Result<Vec<NodeId>, Unlookable> {
    let wanted = normal(text);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let shown = Shown::of(root, &mut page.visits())?;
    let places: Vec<usize> = shown
        .text
        .match_indices(wanted.as_str())
        .map(|(place, _)| place)
        .collect();
    let has = |start: usize, end: usize| {
        let first = places.partition_point(|place| *place < start);
        places
            .get(first)
            .is_some_and(|place| place + wanted.len() <= end)
    };
    let mut found: Vec<NodeId> = Vec::new();
    // An element ends after those in it: the last one that was found tells whether one in it was.
    let mut last_found_at = None;
    for (id, start, end) in &shown.elements {
        if !has(*start, *end) {
            continue;
        }
        let inside = last_found_at.is_some_and(|at| at >= *start);
        if !inside {
            found.push(*id);
        }
        last_found_at = Some(*start);
    }
    found.retain(|id| *id != root.id());
    Ok(found)
}

impl Shown {
    fn of(root: &ElementRef, visits: &mut Visits) -> Result<Self, Unlookable> {
        let mut shown = Self::default();
        let mut open: Vec<(NodeId, usize)> = Vec::new();
        let mut hidden = None;
        for edge in root.traverse() {
            match edge {
                Edge::Open(node) => {
                    visits.read(node)?;
                    if hidden.is_some() {
                        continue;
                    }
                    if let Some(text) = node.value().as_text() {
                        shown.add(text);
                    }
                    if let Some(element) = ElementRef::wrap(node) {
                        if is_hidden(&element) {
                            hidden = Some(node.id());
                            continue;
                        }
                        open.push((node.id(), shown.text.len()));
                        if let Some(value) = value(&element) {
                            shown.add(value);
                        }
                    }
                }
                Edge::Close(node) => {
                    if hidden == Some(node.id()) {
                        hidden = None;
                    } else if hidden.is_none()
                        && let Some((id, start)) = open.pop_if(|(id, _)| *id == node.id())
                    {
                        shown.elements.push((id, start, shown.text.len()));
                    }
                }
            }
        }
        Ok(shown)
    }

    fn add(&mut self, text: &str) {
        for letter in text.chars() {
            if !letter.is_whitespace() {
                self.text.push(letter);
            } else if !self.text.ends_with(' ') {
                self.text.push(' ');
            }
        }
    }
}

/// What a field shows in the place of a text.
fn value<'page>(element: &ElementRef<'page>) -> Option<&'page str> {
    if element.value().name() != "input" {
        return None;
    }
    match input_type(element).as_str() {
        "checkbox" | "radio" | "image" | "password" => None,
        _ => element.attr("value"),
    }
}
