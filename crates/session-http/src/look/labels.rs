//! The ids and labels of a page, found once for all names.

use std::collections::HashMap;

use ego_tree::NodeId;
use scraper::ElementRef;

use crate::form::input_type;
use crate::look::Unlookable;
use crate::look::visits::Visits;
use crate::page::{Page, is};

/// What names refer to.
pub(crate) struct Labels {
    by_id: HashMap<String, NodeId>,
    /// The labels of each field, in the order of the page.
    of_fields: HashMap<NodeId, Vec<NodeId>>,
}

impl Labels {
    pub(super) fn of(page: &Page, visits: &mut Visits) -> Result<Self, Unlookable> {
        let mut by_id = HashMap::new();
        for element in page.elements() {
            visits.add(1)?;
            if let Some(id) = element.attr("id").filter(|id| !id.is_empty()) {
                by_id.entry(id.to_owned()).or_insert(element.id());
            }
        }
        let mut of_fields: HashMap<_, Vec<_>> = HashMap::new();
        for label in page.elements().filter(|element| is(element, "label")) {
            let field = match label.attr("for") {
                Some(id) => by_id.get(id).copied().filter(|id| {
                    let field = page.element(*id);
                    field.is_some_and(|field| is_labelable(&field))
                }),
                None => field_in(&label, visits)?,
            };
            if let Some(field) = field {
                of_fields.entry(field).or_default().push(label.id());
            }
        }
        Ok(Self { by_id, of_fields })
    }

    pub(super) fn by_id(&self, id: &str) -> Option<NodeId> {
        self.by_id.get(id).copied()
    }

    pub(super) fn of_field(&self, field: NodeId) -> Option<&[NodeId]> {
        self.of_fields.get(&field).map(Vec::as_slice)
    }
}

/// The field that stands in a label.
///
/// # Errors
/// There is too much to read.
pub(crate) fn field_in(
    label: &ElementRef,
    visits: &mut Visits,
) -> Result<Option<NodeId>, Unlookable> {
    for node in label.descendants() {
        visits.add(1)?;
        if let Some(field) = ElementRef::wrap(node).filter(is_labelable) {
            return Ok(Some(field.id()));
        }
    }
    Ok(None)
}

/// Whether a label may be for it. Source: HTML standard, "Labelable elements".
pub(crate) fn is_labelable(element: &ElementRef) -> bool {
    match element.value().name() {
        "input" => input_type(element) != "hidden",
        "button" | "meter" | "output" | "progress" | "select" | "textarea" => true,
        _ => false,
    }
}
