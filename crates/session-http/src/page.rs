//! A page: its elements, and what was typed into its fields.

mod room;
mod sink;
mod tree;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ego_tree::{NodeId, NodeRef};
use encoding_rs::Encoding;
use reqwest::StatusCode;
use scraper::{ElementRef, Node};
use secrecy::SecretString;
use url::Url;
use windlass_playbook::Template;

use self::tree::Tree;
use crate::charset::encoder;
use crate::look::Looked;
use crate::refresh::Refresh;
use crate::turn::Turn;

pub(crate) use self::tree::{TooMuch, off_thread};

/// A page that was loaded. While a run waits for a website or a person it sleeps: its elements are let
/// go of, and found again in its text under the same ids.
/// Source: docs/decisions/0019-a-page-sleeps-while-its-run-waits.md.
pub(crate) struct Page {
    pub(crate) url: Url,
    base: Url,
    pub(crate) status: StatusCode,
    /// How it was written, which is how its forms and links are.
    pub(crate) encoding: &'static Encoding,
    /// Where it leads by itself.
    pub(crate) refresh: Option<Refresh>,
    /// Which of the run's pages that are errors it is, where a click or Enter led to it.
    pub(crate) error_number: Option<u32>,
    tree: Tree,
    pub(crate) fields: Fields,
    pub(crate) looked: Looked,
}

/// What was changed in the fields of a page since it was loaded.
#[derive(Default)]
pub(crate) struct Fields {
    pub(crate) typed: HashMap<NodeId, SecretString>,
    /// Of what was typed, that which is made of the credential, as the playbook writes it.
    pub(crate) from_credential: HashMap<NodeId, Template>,
    pub(crate) checked: HashMap<NodeId, bool>,
    /// The options that were chosen, by their `select`: one, unless it takes several.
    pub(crate) chosen: HashMap<NodeId, HashSet<NodeId>>,
}

impl Page {
    pub(crate) fn parse(
        url: Url,
        status: StatusCode,
        text: String,
        encoding: &'static Encoding,
    ) -> Result<Self, TooMuch> {
        let tree = Tree::parse(text.into())?;
        Ok(Self::of(url.clone(), url, status, encoding, tree))
    }

    /// A frame's page whose text stands in this one: its addresses are this page's own.
    pub(crate) fn written_inside(
        &self,
        text: &str,
        turn: Arc<Turn>,
    ) -> impl Future<Output = Result<Self, TooMuch>> + Send + use<> {
        let text: Arc<str> = text.into();
        let (url, base, encoding) = (self.url.clone(), self.base.clone(), self.encoding);
        async move {
            let tree = off_thread(text.len(), &turn, move || Tree::parse(text)).await?;
            Ok(Self::of(url, base, StatusCode::OK, encoding, tree))
        }
    }

    fn of(
        url: Url,
        base: Url,
        status: StatusCode,
        encoding: &'static Encoding,
        tree: Tree,
    ) -> Self {
        let mut page = Self {
            base,
            url,
            status,
            encoding,
            refresh: None,
            error_number: None,
            tree,
            fields: Fields::default(),
            looked: Looked::default(),
        };
        page.read_head();
        page
    }

    /// As it was read: what a checkpoint keeps of the page.
    pub(crate) fn text(&self) -> &Arc<str> {
        self.tree.text()
    }

    /// Lets go of the elements: a tree takes many times its page, and a run may wait for long.
    pub(crate) fn sleep(&mut self) {
        self.tree.sleep();
        self.looked = Looked::default();
    }

    /// Has its elements again, with what stands in its fields.
    pub(crate) async fn wake(&mut self, turn: &Turn) -> Result<(), TooMuch> {
        self.tree.wake(turn).await
    }

    /// Whether it has let go of its elements.
    #[cfg(test)]
    pub(crate) fn sleeps(&self) -> bool {
        self.tree.sleeps()
    }

    /// Reads what addresses are seen from, where the page says so, and then where it leads by itself.
    fn read_head(&mut self) {
        let (mut base, mut refreshes) = (None, Vec::new());
        for element in self.elements() {
            if is(&element, "base") && base.is_none() {
                base = element.attr("href");
            } else if is(&element, "meta") && is_refresh(&element) {
                refreshes.extend(element.attr("content"));
            }
        }
        let base = base.and_then(|href| self.base.join(href).ok());
        let base = base.filter(|base| matches!(base.scheme(), "http" | "https"));
        let base = base.unwrap_or_else(|| self.base.clone());
        let refreshes: Vec<String> = refreshes.into_iter().map(str::to_owned).collect();
        self.base = base;
        let refresh = refreshes.iter().find_map(|text| self.read_refresh(text));
        self.refresh = refresh;
    }

    /// What a refresh of this page says.
    pub(crate) fn read_refresh(&self, text: &str) -> Option<Refresh> {
        Refresh::read(text, &self.url, |address| self.resolve(address))
    }

    /// The element of an id that this page gave.
    pub(crate) fn element(&self, id: NodeId) -> Option<ElementRef<'_>> {
        self.tree.html().tree.get(id).and_then(ElementRef::wrap)
    }

    /// The form that was open where a field was written.
    pub(crate) fn form_written_around(&self, field: NodeId) -> Option<NodeId> {
        self.tree.form_of(field)
    }

    /// The root of the tree, which is no element.
    pub(crate) fn document(&self) -> NodeRef<'_, Node> {
        self.tree.html().tree.root()
    }

    /// The outermost element.
    pub(crate) fn root(&self) -> ElementRef<'_> {
        self.tree.html().root_element()
    }

    /// The node of an id that this page gave.
    pub(crate) fn node(&self, id: NodeId) -> Option<NodeRef<'_, Node>> {
        self.tree.html().tree.get(id)
    }

    /// Every element, in the order of the page.
    pub(crate) fn elements(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.tree
            .html()
            .root_element()
            .descendants()
            .filter_map(ElementRef::wrap)
    }

    /// The address that an attribute names, seen from this page.
    pub(crate) fn resolve(&self, address: &str) -> Option<Url> {
        let encode = encoder(self.encoding);
        let from_here = Url::options()
            .base_url(Some(&self.base))
            .encoding_override(Some(&encode));
        from_here.parse(address.trim()).ok()
    }
}

fn is_refresh(meta: &ElementRef) -> bool {
    let named = meta.attr("http-equiv");
    named.is_some_and(|name| name.trim().eq_ignore_ascii_case("refresh"))
}

/// Whether the element has this name.
pub(crate) fn is(element: &ElementRef, name: &str) -> bool {
    element.value().name() == name
}

#[cfg(test)]
mod tests {
    use encoding_rs::{UTF_8, WINDOWS_1252};

    use super::tree::CHUNK_BYTES;
    use super::*;
    use crate::look::Css;

    fn page(text: &str) -> Result<Page, TooMuch> {
        let url = Url::parse("https://x.example/a/b?c").unwrap();
        Page::parse(url, StatusCode::OK, text.to_owned(), UTF_8)
    }

    #[test]
    fn elements_are_found_in_the_order_of_the_page() {
        let page = page("<ul><li class=a>1<li>2<li class=a>3</ul>").unwrap();

        let found = page.css("li.a");

        let texts: Vec<_> = found
            .iter()
            .map(|id| page.shown_text(&page.element(*id).unwrap()))
            .collect();
        assert_eq!(texts, ["1", "3"]);
    }

    #[test]
    fn addresses_are_seen_from_the_page_or_its_base() {
        let plain = page("<p>").unwrap();
        let based = page("<base href='/base/'><p>").unwrap();

        assert_eq!(
            plain.resolve("d?e").unwrap().as_str(),
            "https://x.example/a/d?e"
        );
        assert_eq!(
            plain.resolve("").unwrap().as_str(),
            "https://x.example/a/b?c"
        );
        assert_eq!(
            based.resolve("d").unwrap().as_str(),
            "https://x.example/base/d"
        );
    }

    #[test]
    fn a_base_that_is_no_website_is_none() {
        let page = page("<base target=x><base href='data:x'><base href=/b/>").unwrap();

        assert_eq!(page.resolve("d").unwrap().as_str(), "https://x.example/a/d");
    }

    #[test]
    fn a_query_is_written_as_the_page_is() {
        let url = Url::parse("https://x.example/").unwrap();
        let page = Page::parse(url, StatusCode::OK, String::new(), WINDOWS_1252).unwrap();

        let address = page.resolve("/å?q=å").unwrap();

        assert_eq!(address.as_str(), "https://x.example/%C3%A5?q=%E5");
    }

    #[test]
    fn what_stands_in_templates_and_for_browsers_without_script_is_no_part_of_the_page() {
        let page = page(
            "<noscript><meta http-equiv=refresh content='0; url=/no'></noscript>
             <meta http-equiv=Refresh content='0; url=/in'><template><p id=t>a</template><p>b",
        )
        .unwrap();

        assert_eq!(page.css("p").len(), 1);
        assert_eq!(page.refresh.unwrap().url.path(), "/in");
    }

    #[tokio::test]
    async fn a_page_that_slept_has_the_same_elements_with_what_stands_in_them() {
        let large = "<p>filler</p>".repeat(10_000);
        for filler in ["", &large] {
            let text = format!(
                "<template><p></template><table><b>x<form><tr><td><input id=a>{filler}<p id=b>c"
            );
            let mut page = page(&text).unwrap();
            let ids = |page: &Page| page.elements().map(|one| one.id()).collect::<Vec<_>>();
            let (before, field) = (ids(&page), page.css("#a")[0]);
            page.change(field, SecretString::from("typed")).unwrap();

            page.sleep();
            assert!(page.sleeps());
            page.wake(&Turn::default()).await.unwrap();

            assert!(!page.sleeps());
            assert_eq!(ids(&page), before);
            assert!(is(&page.element(field).unwrap(), "input"));
            assert!(page.fields.typed.contains_key(&field));
        }
    }

    #[test]
    fn a_page_that_nobody_woke_has_its_elements_all_the_same() {
        let mut page = page("<p>a").unwrap();

        page.sleep();

        assert_eq!(page.css("p").len(), 1);
    }

    #[test]
    fn a_hundred_thousand_levels_are_given_up_early() {
        assert_eq!(page(&"<div>".repeat(100_000)).err(), Some(TooMuch::Depth));
        assert_eq!(page(&"<b x>".repeat(100_000)).err(), Some(TooMuch::Depth));
        assert_eq!(
            page(&"<table><tr><td>".repeat(100_000)).err(),
            Some(TooMuch::Depth)
        );
    }

    #[test]
    fn levels_that_hide_before_a_table_are_given_up_too() {
        let text = format!("<table><button>{}", "<span>".repeat(100_000));

        assert_eq!(page(&text).err(), Some(TooMuch::Depth));
    }

    #[test]
    fn levels_that_hide_before_a_rule_are_given_up_too() {
        // Each paragraph opens again what was open in those before it.
        let paragraph = |number| {
            let formats: String = (0..50).map(|one| format!("<b a{number}x{one}>")).collect();
            let text = format!("<p>{formats}<hr>");
            format!("{text}<!--{}-->", " ".repeat(CHUNK_BYTES - text.len() - 7))
        };
        let text: String = (10..40).map(paragraph).collect();

        assert_eq!(page(&text).err(), Some(TooMuch::Depth));
    }

    #[test]
    fn formatting_that_multiplies_is_given_up() {
        let formats: String = (0..200)
            .map(|number| format!("<b class=c{number}>"))
            .collect();
        let text = format!("<p>{formats}{}", "</p><p>x".repeat(100_000));

        assert!(page(&text).is_err());
    }

    #[test]
    fn a_selector_that_is_nested_without_end_is_no_danger() {
        let nested = format!("{}a{}", ":not(".repeat(680), ")".repeat(680));

        if let Some(selector) = Css::parse(&nested) {
            let found = page("<a>").unwrap().find(None, &selector);
            assert!(found.is_ok_and(|found| found.len() <= 1));
        }
    }

    #[test]
    fn a_page_of_many_rows_is_no_such_page() {
        let rows = "<tr><td><a href=x>1</a><td>2".repeat(20_000);

        let page = page(&format!("<table>{rows}</table>")).unwrap();

        assert_eq!(page.css("tr").len(), 20_000);
    }
}
