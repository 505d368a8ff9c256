//! Which parts of a page's texts are secret. A page shows the texts of a block as one: a code whose first
//! digit is bold is a code.

use std::collections::HashMap;
use std::ops::Range;

use ego_tree::NodeId;
use ego_tree::iter::Edge;
use scraper::{ElementRef, Node};

use super::cut;
use super::harmless::LEFT_OUT;
use crate::evidence::secrets::{Secrets, joined};
use crate::look::{is_invisible, stands_apart};
use crate::page::Page;

/// Secret parts of texts.
#[derive(Default)]
pub(super) struct Masked {
    by_text: HashMap<NodeId, Vec<Part>>,
}

/// One of them.
pub(super) struct Part {
    pub(super) range: Range<usize>,
    /// Whether the secret begins here, and not in a text before.
    pub(super) is_first: bool,
}

/// Texts that are shown as one.
#[derive(Default)]
struct Block {
    /// The hidden element that they are in; None outside of those.
    hidden: Option<NodeId>,
    text: String,
    /// Where each of them begins.
    starts: Vec<(usize, NodeId)>,
}

impl Masked {
    /// Of the texts of the page that are written, up to so many bytes.
    pub(super) fn of(page: &Page, secrets: &Secrets, most: usize) -> Self {
        let mut masked = Self::default();
        // What is hidden stands in the middle of what is shown, and apart from it.
        let mut blocks = vec![Block::default()];
        let (mut left_out, mut left) = (None, most);
        for edge in page.root().traverse() {
            let Some(block) = blocks.last_mut().filter(|_| left > 0) else {
                break;
            };
            match edge {
                Edge::Open(node) if left_out.is_none() => {
                    if let Node::Text(text) = node.value() {
                        let (text, still_left) = cut(text, left);
                        block.add(node.id(), text);
                        left = still_left;
                    } else if let Some(element) = ElementRef::wrap(node) {
                        if is_left_out(element.value().name()) {
                            left_out = Some(node.id());
                        } else if is_invisible(&element) {
                            blocks.push(Block {
                                hidden: Some(node.id()),
                                ..Block::default()
                            });
                        } else if stands_apart(&element) {
                            masked.end(block, secrets);
                        }
                    }
                }
                Edge::Close(node) if left_out == Some(node.id()) => left_out = None,
                Edge::Close(node) if left_out.is_none() => {
                    let is_hidden = block.hidden == Some(node.id());
                    if is_hidden || ElementRef::wrap(node).is_some_and(|one| stands_apart(&one)) {
                        masked.end(block, secrets);
                    }
                    if is_hidden {
                        blocks.pop();
                    }
                }
                Edge::Open(_) | Edge::Close(_) => {}
            }
        }
        for block in &mut blocks {
            masked.end(block, secrets);
        }
        masked
    }

    /// The secret parts of this text, in order.
    pub(super) fn parts(&self, text: NodeId) -> &[Part] {
        self.by_text.get(&text).map_or(&[], Vec::as_slice)
    }

    /// Looks through a block that ends here; the next one begins.
    fn end(&mut self, block: &mut Block, secrets: &Secrets) {
        for secret in block.secret(secrets) {
            for (range, id) in block.texts_from(secret.start) {
                if range.start >= secret.end {
                    break;
                }
                let start = secret.start.max(range.start);
                let end = secret.end.min(range.end);
                self.by_text.entry(id).or_default().push(Part {
                    range: start - range.start..end - range.start,
                    is_first: start == secret.start,
                });
            }
        }
        block.text.clear();
        block.starts.clear();
    }
}

impl Block {
    fn add(&mut self, id: NodeId, text: &str) {
        if !text.is_empty() {
            self.starts.push((self.text.len(), id));
            self.text.push_str(text);
        }
    }

    fn secret(&self, secrets: &Secrets) -> Vec<Range<usize>> {
        if self.text.is_empty() {
            return Vec::new();
        }
        let mut parts = secrets.parts(&self.text);
        // A short one is a word of its own also where no space stands between it and the next element.
        for (range, _) in self.texts_from(0) {
            let words = secrets.words(&self.text[range.clone()]);
            parts.extend(words.map(|word| range.start + word.start..range.start + word.end));
        }
        joined(parts)
    }

    /// Where each text is, from the one on that is at this place.
    fn texts_from(&self, place: usize) -> impl Iterator<Item = (Range<usize>, NodeId)> {
        let after = self.starts.partition_point(|(start, _)| *start <= place);
        let first = after.saturating_sub(1);
        let ends = self.starts[first..].iter().skip(1).map(|(start, _)| *start);
        let starts = self.starts[first..].iter();
        let all = starts.zip(ends.chain([self.text.len()]));
        all.map(|((start, id), end)| (*start..end, *id))
    }
}

/// Whether what is in it is no text of the page around it.
fn is_left_out(name: &str) -> bool {
    LEFT_OUT.contains(&name) || matches!(name, "style" | "textarea")
}
