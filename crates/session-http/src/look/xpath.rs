//! `xpath//html/body/a[2]`: XPath 1.0, without namespaces and variables. Source: XML Path Language 1.0.

mod evaluate;
mod function;
mod order;
mod value;

use ego_tree::NodeId;
use windlass_playbook::xpath::XPath;

use crate::look::Unlookable;
use crate::look::xpath::evaluate::Evaluation;
use crate::look::xpath::value::{Place, Value};
use crate::page::Page;

/// The elements that an expression finds, in the order of the page.
pub(super) fn find(
    page: &Page,
    scope: Option<NodeId>,
    text: &str,
) -> Result<Vec<NodeId>, Unlookable> {
    let read = XPath::parse(text).map_err(Unlookable::XPath)?;
    let context = scope.unwrap_or_else(|| page.document().id());
    let mut evaluation = Evaluation::of(page);
    match evaluation.evaluate(read.expression(), context)? {
        Value::Nodes(places) => {
            let elements = places.into_iter().filter_map(|place| match place {
                Place::Node(id) => page.element(id).map(|element| element.id()),
                Place::Attribute(..) => None,
            });
            page.in_order(page.root(), elements)
        }
        Value::Text(_) | Value::Number(_) | Value::Truth(_) => {
            Err(Unlookable::XPath("it finds no elements".to_owned()))
        }
    }
}
