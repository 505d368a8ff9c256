//! What looking for elements may cost: on a page that is made for it, a short selector looks at the
//! same nodes again and again, and no clock stops it in between.

use std::cell::Cell;

use ego_tree::NodeRef;
use scraper::Node;

use crate::look::Unlookable;

/// How many nodes one selector may look at: some hundred milliseconds.
const MAX_VISITS: u64 = 5_000_000;

/// How many nodes the selectors of one step may look at on one page, where nobody is let go on in
/// between.
const MAX_VISITS_OF_STEP: u64 = 50_000_000;

/// How much text takes as long as a node.
pub(super) const BYTES_OF_VISIT: usize = 64;

/// How many nodes of a page were looked at since a step began, or others were let go on.
#[derive(Debug, Default)]
pub(crate) struct Visited(Cell<u64>);

impl Visited {
    /// Another step begins, or others were let go on.
    pub(crate) fn forget(&self) {
        self.0.set(0);
    }

    /// Whether it is time to let others go on.
    pub(crate) fn is_much(&self) -> bool {
        self.0.get() > MAX_VISITS
    }
}

/// The nodes that one selector looks at.
pub(crate) struct Visits<'page> {
    of_step: &'page Visited,
    so_far: u64,
    most: u64,
}

impl<'page> Visits<'page> {
    pub(super) fn of(of_step: &'page Visited) -> Self {
        let left = MAX_VISITS_OF_STEP.saturating_sub(of_step.0.get());
        Self {
            of_step,
            so_far: 0,
            most: left.min(MAX_VISITS),
        }
    }

    /// Looks at nodes, whatever is in them.
    ///
    /// # Errors
    /// There were too many.
    pub(crate) fn add(&mut self, nodes: usize) -> Result<(), Unlookable> {
        let nodes = u64::try_from(nodes).unwrap_or(u64::MAX);
        self.so_far = self.so_far.saturating_add(nodes);
        match self.so_far <= self.most {
            true => Ok(()),
            false => Err(Unlookable::TooMuch),
        }
    }

    /// How many more nodes may be looked at.
    pub(super) fn left(&self) -> usize {
        usize::try_from(self.most.saturating_sub(self.so_far)).unwrap_or(usize::MAX)
    }

    /// Reads a node: its text, or its attributes.
    ///
    /// # Errors
    /// There were too many, or what is in them is too long.
    pub(crate) fn read(&mut self, node: NodeRef<Node>) -> Result<(), Unlookable> {
        let bytes: usize = match node.value() {
            Node::Text(text) => text.len(),
            Node::Element(element) => element
                .attrs()
                .map(|(name, value)| name.len() + value.len())
                .sum(),
            _ => 0,
        };
        self.read_bytes(bytes)
    }

    /// All text in a node, as it was written.
    ///
    /// # Errors
    /// There is too much.
    pub(crate) fn texts_in(&mut self, node: NodeRef<Node>) -> Result<String, Unlookable> {
        let mut text = String::new();
        for node in node.descendants() {
            let part = node.value().as_text().map_or("", |part| part);
            self.read_bytes(part.len())?;
            text.push_str(part);
        }
        Ok(text)
    }

    /// Reads so much text of one node.
    ///
    /// # Errors
    /// It is too much.
    pub(crate) fn read_bytes(&mut self, bytes: usize) -> Result<(), Unlookable> {
        self.add(1 + bytes / BYTES_OF_VISIT)
    }
}

impl Drop for Visits<'_> {
    fn drop(&mut self) {
        let before = self.of_step.0.get();
        self.of_step.0.set(before.saturating_add(self.so_far));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_selectors_of_one_step_share_what_they_may_cost() {
        let step = Visited::default();
        let once = || Visits::of(&step).add(usize::try_from(MAX_VISITS).unwrap());
        for _ in 0..MAX_VISITS_OF_STEP / MAX_VISITS {
            assert_eq!(once(), Ok(()));
        }

        assert_eq!(once(), Err(Unlookable::TooMuch));
        step.forget();
        assert_eq!(once(), Ok(()));
    }
}
