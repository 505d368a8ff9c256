//! Which of two nodes comes first on the page, without a walk over all of it.

use ego_tree::NodeRef;
use scraper::Node;

use crate::look::Unlookable;
use crate::look::visits::Visits;

/// Whether `other` comes before `one`, or around it.
///
/// # Errors
/// There were too many nodes to look at.
pub(super) fn comes_after(
    one: NodeRef<Node>,
    other: NodeRef<Node>,
    visits: &mut Visits,
) -> Result<bool, Unlookable> {
    let (of_one, of_other) = (from_root(one), from_root(other));
    visits.add(of_one.len() + of_other.len())?;
    let mut levels = of_one.iter().zip(&of_other);
    let Some((one, other)) = levels.find(|(one, other)| one.id() != other.id()) else {
        // One is around the other.
        return Ok(of_other.len() < of_one.len());
    };
    // They are siblings: whoever meets the other comes first, and whoever meets the end comes last.
    let (mut after_one, mut after_other) = (one.next_siblings(), other.next_siblings());
    loop {
        visits.add(2)?;
        match after_one.next() {
            Some(next) if next.id() == other.id() => return Ok(false),
            Some(_) => {}
            None => return Ok(true),
        }
        match after_other.next() {
            Some(next) if next.id() == one.id() => return Ok(true),
            Some(_) => {}
            None => return Ok(false),
        }
    }
}

fn from_root(node: NodeRef<Node>) -> Vec<NodeRef<Node>> {
    let mut way: Vec<_> = std::iter::once(node).chain(node.ancestors()).collect();
    way.reverse();
    way
}
