//! The text of an element as it is shown: lines and blocks stand apart, and what is hidden is no part of
//! it. Source: HTML standard, "The innerText and outerText properties".

use ego_tree::iter::Edge;
use scraper::ElementRef;

use crate::look::hidden::is_invisible;
use crate::look::name::stands_apart;

/// The pieces of an element's text, with a space between lines and blocks. Of an element that is hidden
/// itself they are all that is in it.
pub(crate) fn shown<'page>(element: &ElementRef<'page>) -> impl Iterator<Item = &'page str> {
    let root = element.id();
    let mut hidden = None;
    element.traverse().filter_map(move |edge| match edge {
        Edge::Open(_) if hidden.is_some() => None,
        Edge::Open(node) => {
            if let Some(text) = node.value().as_text() {
                return Some(&**text);
            }
            let element = ElementRef::wrap(node)?;
            if node.id() != root && is_invisible(&element) {
                hidden = Some(node.id());
                return None;
            }
            stands_apart(&element).then_some(" ")
        }
        Edge::Close(node) => {
            if hidden.is_some() {
                hidden = hidden.filter(|hidden| *hidden != node.id());
                return None;
            }
            let element = ElementRef::wrap(node)?;
            stands_apart(&element).then_some(" ")
        }
    })
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_8;
    use reqwest::StatusCode;
    use rstest::rstest;
    use url::Url;

    use crate::page::{Page, text_of};

    #[rstest]
    #[case::lines("12<br>34", "12 34")]
    #[case::blocks("<div>100</div><div>200</div>", "100 200")]
    #[case::an_address("12 Main St 1<br>0150 Oslo", "12 Main St 1 0150 Oslo")]
    #[case::marks_within_a_word("<b>1</b>,<i>249</i><span>.50</span>", "1,249.50")]
    #[case::hidden("a<span hidden>b<p>c</p></span><p style='display: none'>d</p>e", "ae")]
    #[case::not_for_readers_of_screens("<span aria-hidden=true>$</span>12", "$12")]
    #[case::code("1<script>2</script><style>3</style>4", "14")]
    fn a_text_is_as_it_is_shown(#[case] html: &str, #[case] expected: &str) {
        let url = Url::parse("https://x.example/").unwrap();
        let html = format!("<main>{html}</main>");
        let page = Page::parse(url, StatusCode::OK, html, UTF_8).unwrap();
        let main = page.elements().find(|it| it.value().name() == "main");

        assert_eq!(text_of(&main.unwrap()), expected);
    }

    #[test]
    fn what_is_hidden_itself_has_its_text() {
        let url = Url::parse("https://x.example/").unwrap();
        let html = "<p hidden>a<br>b</p>".to_owned();
        let page = Page::parse(url, StatusCode::OK, html, UTF_8).unwrap();
        let hidden = page.elements().find(|it| it.value().name() == "p");

        assert_eq!(text_of(&hidden.unwrap()), "a b");
    }
}
