//! The elements of a page, parsed from its text: bounded in depth, number and time, and let go of while
//! nobody looks at them.

use std::cell::OnceCell;
use std::num::NonZero;
use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;
use std::time::Duration;

use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use html5ever::driver::{self, ParseOpts};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::TreeSink;
use rustix::time::{ClockId, clock_gettime};
use scraper::{Html, Node};
use tokio::sync::Semaphore;

use super::room::{MAX_BYTES, Place, ROOM};
use super::sink::{Parsed, Sink};
use crate::turn::Turn;

/// How deep elements may be nested; Chromium flattens what is deeper. The parser's work grows with
/// the depth for each element.
const MAX_DEPTH: usize = 512;

/// How many elements and texts a page may have: badly nested formatting multiplies them.
const MAX_NODES: usize = 500_000;

/// How much time of a processor one page may take to parse; real ones take milliseconds.
const PARSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How much is parsed between two looks at these limits.
pub(super) const CHUNK_BYTES: usize = 1024;

/// A page that is parsed in less time than it takes to hand it to another thread and back.
const SMALL_PAGE_BYTES: usize = 32 * 1024;

/// Where large pages are parsed, one in each place: as many as there are cores. More at once would take
/// each other's time, and what is waited for a place is not the page's own.
static PLACES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, NonZero::get)));

/// A page that is not worth its parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TooMuch {
    Depth,
    Nodes,
    Time,
    /// The pages of all runs are, and it is long itself.
    Together,
    /// The parser broke down over it.
    Broken,
}

impl TooMuch {
    pub(crate) fn message(self) -> String {
        match self {
            Self::Depth => format!("the page nests its elements deeper than {MAX_DEPTH} levels"),
            Self::Nodes => format!("the page has more than {MAX_NODES} elements"),
            Self::Time => format!(
                "the page takes more than {} s of a processor to parse",
                PARSE_TIMEOUT.as_secs()
            ),
            Self::Together => format!(
                "the page is long, and the pages of all runs have as much text as they may together, \
                 {} MiB; fewer runs at once (`--capacity`) leave it room",
                MAX_BYTES / (1024 * 1024)
            ),
            Self::Broken => "the page cannot be parsed".to_owned(),
        }
    }
}

/// A page's text, and its elements while they are looked at.
pub(super) struct Tree {
    text: Arc<str>,
    parsed: OnceCell<Parsed>,
    _place: Place,
}

impl Tree {
    pub(super) fn parse(text: Arc<str>) -> Result<Self, TooMuch> {
        let place = ROOM.take(text.len())?;
        let parsed = OnceCell::from(parse(&text, PARSE_TIMEOUT)?);
        Ok(Self {
            text,
            parsed,
            _place: place,
        })
    }

    pub(super) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The elements. Whoever may meet a page that sleeps wakes it before: here it is parsed on this
    /// thread.
    pub(super) fn html(&self) -> &Html {
        &self.parsed().html
    }

    /// The form that was open where a field was written.
    pub(super) fn form_of(&self, field: NodeId) -> Option<NodeId> {
        self.parsed().form_of.get(&field).copied()
    }

    fn parsed(&self) -> &Parsed {
        self.parsed.get_or_init(|| {
            // It was parsed before within all bounds, and only that of time could be another now.
            parse(&self.text, Duration::MAX).unwrap_or_else(|_| Sink::new().finish())
        })
    }

    pub(super) fn sleep(&mut self) {
        self.parsed.take();
    }

    /// Parses the text again. The same text has the same elements under the same ids.
    pub(super) async fn wake(&mut self, turn: &Turn) -> Result<(), TooMuch> {
        if self.parsed.get().is_some() {
            return Ok(());
        }
        let text = Arc::clone(&self.text);
        let parse = move || parse(&text, PARSE_TIMEOUT);
        let parsed = off_thread(self.text.len(), turn, parse).await?;
        self.parsed = OnceCell::from(parsed);
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn sleeps(&self) -> bool {
        self.parsed.get().is_none()
    }
}

/// Parses here what is small. A page that was made to be slow must not hold up the other runs on this
/// thread: it has its turn where few are parsed, each within its time.
pub(crate) async fn off_thread<Parsed: Send + 'static>(
    bytes: usize,
    turn: &Turn,
    parse: impl FnOnce() -> Result<Parsed, TooMuch> + Send + 'static,
) -> Result<Parsed, TooMuch> {
    if bytes <= SMALL_PAGE_BYTES {
        return parse();
    }
    let place = turn.wait(PLACES.acquire()).await;
    let parsed = tokio::task::spawn_blocking(move || {
        // Also where nobody waits for the page any more.
        let _place = place;
        parse()
    });
    parsed.await.unwrap_or(Err(TooMuch::Broken))
}

/// Takes out what stands in templates: it is no part of the page until a script takes it up.
fn drop_templates(html: &mut Html) {
    let root = html.tree.root().id();
    let contents: Vec<NodeId> = html
        .tree
        .nodes()
        .filter(|node| node.value().is_fragment() && node.id() != root)
        .map(|node| node.id())
        .collect();
    for id in contents {
        if let Some(mut node) = html.tree.get_mut(id) {
            node.detach();
        }
    }
}

/// Parses in small pieces and gives up on what grows beyond its text.
fn parse(text: &str, within: Duration) -> Result<Parsed, TooMuch> {
    let mut parser = driver::parse_document(Sink::new(), ParseOpts::default());
    let started = own_time();
    let mut rest = text;
    let mut nodes_before = 0;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.floor_char_boundary(CHUNK_BYTES));
        parser.process(StrTendril::from(chunk));
        rest = after;
        let html = parser.tokenizer.sink.sink.tree.0.borrow();
        let nodes = html.tree.nodes().len();
        if nodes > MAX_NODES {
            return Err(TooMuch::Nodes);
        }
        // The parser puts some elements elsewhere than at the end: before a table, for one.
        let mut new = html.tree.nodes().rev().take(nodes - nodes_before);
        if nodes > MAX_DEPTH && new.any(is_too_deep) {
            return Err(TooMuch::Depth);
        }
        if own_time().saturating_sub(started) > within {
            return Err(TooMuch::Time);
        }
        nodes_before = nodes;
    }
    let mut parsed = parser.finish();
    let html = &mut parsed.html;
    // It moves elements, too, and all in them, when it mends what is nested badly. Few elements are
    // never deep.
    match html.tree.nodes().len() > MAX_DEPTH && depth(html) > MAX_DEPTH {
        true => Err(TooMuch::Depth),
        false => {
            drop_templates(html);
            Ok(parsed)
        }
    }
}

/// The processor's time that this thread has had: what others take of the machine is no fault of a page.
fn own_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn is_too_deep(node: NodeRef<Node>) -> bool {
    node.ancestors().nth(MAX_DEPTH).is_some()
}

/// How deep the deepest node is nested. It does not call itself: the stack is what is at stake.
fn depth(html: &Html) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    for edge in html.tree.root().traverse() {
        match edge {
            Edge::Open(_) => depth += 1,
            Edge::Close(_) => depth -= 1,
        }
        deepest = deepest.max(depth);
    }
    // The root is no level.
    deepest.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn large_pages_are_parsed_one_on_each_core() {
        let under_way = Arc::new(AtomicUsize::new(0));
        let turn = Turn::default();
        let parses = (0..200).map(|_| {
            let under_way = Arc::clone(&under_way);
            let parse = move || {
                let others = under_way.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                under_way.fetch_sub(1, Ordering::SeqCst);
                Ok(others)
            };
            off_thread(SMALL_PAGE_BYTES + 1, &turn, parse)
        });

        let others = join_all(parses).await;

        let most = others.into_iter().map(Result::unwrap).max();
        let cores = available_parallelism().map_or(1, NonZero::get);
        assert!(
            most.unwrap() < cores,
            "{most:?} beside another on {cores} cores"
        );
    }
}
