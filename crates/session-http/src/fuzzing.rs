//! What a fuzzer feeds with bytes, and a property test on the stable toolchain with noise: a page as
//! it comes from the network, and a step on it. Nothing may panic, overflow the stack or take long.

use ego_tree::NodeId;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::SecretString;
use url::Url;
use windlass_playbook::SelectorKind;

use crate::charset::{decode, named_by};
use crate::click::Click;
use crate::page::{Page, text_of};
use crate::reading;

/// How many elements are acted on: forms cost what they hold.
const MOST_ELEMENTS: usize = 64;

const KINDS: [SelectorKind; 4] = [
    SelectorKind::Css,
    SelectorKind::Aria,
    SelectorKind::Text,
    SelectorKind::XPath,
];

/// Reads the bytes as a content type, a selector, a value and a page, with a line break after each of
/// the first three; then looks for the selector on the page, and does to what it finds all that steps
/// do.
pub fn page_to_step(data: &[u8]) {
    let mut parts = data.splitn(4, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (content_type, selector, value, body) = (part(), part(), part(), part());
    let mut headers = HeaderMap::new();
    if let Ok(content_type) = HeaderValue::from_bytes(content_type) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    let (text, encoding) = decode(body.to_vec(), named_by(&headers));
    let url = Url::parse("https://x.example/in?a=b").expect("it is a URL");
    let Ok(mut page) = Page::parse(url, StatusCode::OK, text, encoding) else {
        return;
    };
    let (selector, value) = (
        String::from_utf8_lossy(selector),
        String::from_utf8_lossy(value),
    );
    for id in found(&page, &selector).into_iter().take(MOST_ELEMENTS) {
        act(&mut page, id, &value);
    }
}

/// What any kind of selector finds.
fn found(page: &Page, selector: &str) -> Vec<NodeId> {
    let found = KINDS
        .iter()
        .filter_map(|kind| page.look(None, *kind, selector).ok());
    page.in_order(page.root(), found.flatten())
        .unwrap_or_default()
}

fn act(page: &mut Page, id: NodeId, value: &str) {
    if let Some(element) = page.element(id) {
        let text = text_of(&element);
        drop((
            reading::number(&text, None),
            reading::date(&text, None, None),
        ));
        // Whether it can be done is not the question here, and neither is it below.
        drop((page.link(&element), page.enter(id)));
    }
    let _ = page.change(id, SecretString::from(value));
    if let Ok(Click::Submit(submission)) = page.click(id) {
        let body = submission.body.as_ref();
        assert!(body.is_none_or(|body| !body.content_type.is_empty()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const PIECES: [&str; 60] = [
        "<form id=f action='x:y'>",
        "<form method=post enctype=multipart/form-data accept-charset=koi8-r>",
        "<form method=dialog>",
        "</form>",
        "<input form=f name=a>",
        "<input type=radio name=a checked>",
        "<input type=checkbox name=a>",
        "<input type=image name=a>",
        "<input type=file name=a>",
        "<input type=range min=x max=-1e999 name=a>",
        "<input type=hidden name=_charset_>",
        "<button name=a value=b>",
        "</button>",
        "<button formaction='//' formmethod=post>",
        "<select name=s>",
        "<select multiple name=s size=9>",
        "</select>",
        "<optgroup disabled>",
        "<option selected>",
        "<option disabled value=a>",
        "<label for=f>",
        "<label>",
        "</label>",
        "<fieldset disabled>",
        "<legend>",
        "<a href='http://['>",
        "<a href='?å#x'>",
        "<a href=/x>",
        "<table>",
        "<tr>",
        "<td>",
        "<th scope=row>",
        "<caption>",
        "<textarea name=a dirname=b>",
        "</textarea>",
        "<template>",
        "</template>",
        "<svg><title>",
        "<math><mi>",
        "</svg>",
        "<base href='//'>",
        "<base href='/b/'>",
        "<frameset>",
        "<iframe srcdoc='<p>'>",
        "<noscript>",
        "</noscript>",
        "<p id=f hidden>",
        "<p aria-labelledby='f g' id=g>",
        "<img alt=a>",
        "<b>",
        "<i class=a>",
        "</b>",
        "</p>",
        "<!--",
        "-->",
        "<meta charset=utf-16>",
        "<meta http-equiv=refresh content='1;url=/x'>",
        "&#0;&bogus;",
        "1.249,50",
        "å\u{0}",
    ];

    const SELECTORS: [&str; 16] = [
        "*",
        "input",
        ":not(p)",
        "a:nth-child(2n+1 of b)",
        "a",
        "Go[role=\"button\"]",
        "[role='textbox']",
        "b",
        "//*",
        "//input[@name='a'][last()]",
        "(//tr|//a)/..",
        "//*[.//b[position() mod 2 = 1]]",
        "//a/following::*[1]",
        "//p[count(//p) > 1]",
        "id('f g')",
        "(((((",
    ];

    proptest! {
        #[test]
        fn no_page_and_no_step_on_it_is_a_danger(
            charset in select(vec!["", "text/html; charset=shift_jis", "text/html;charset=utf-16le", "x"]),
            selector in select(SELECTORS.to_vec()),
            value in select(vec!["", "a", "b", "data:,x", "å\u{0}\r"]),
            pieces in prop::collection::vec(select(PIECES.to_vec()), 0..60),
            noise in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut data = format!("{charset}\n{selector}\n{value}\n{}", pieces.concat()).into_bytes();
            data.extend(noise);

            page_to_step(&data);
        }

        #[test]
        fn no_bytes_are_a_danger(data in prop::collection::vec(any::<u8>(), 0..400)) {
            page_to_step(&data);
        }
    }
}
