//! What a fuzzer feeds with bytes, and a property test on the stable toolchain with noise: an answer as
//! it comes from the network, and what steps do with it. Nothing may panic, overflow the stack or take
//! long.

use ego_tree::NodeId;
use reqwest::header::{CONTENT_DISPOSITION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use url::Url;
use windlass_playbook::{
    Action, AriaQuery, Placeholder, Selector, SelectorKind, Tier, Values, parse,
};

use crate::charset::{decode, named_by};
use crate::checkpoint::loaded_again;
use crate::click::Click;
use crate::cookies::Cookies;
use crate::extract::read_on;
use crate::file_name::file_name;
use crate::look::shown_in_lines;
use crate::page::Page;
use crate::question::fields;
use crate::reading;
use crate::redirect;
use crate::retry_after;

/// How many elements are acted on: forms cost what they hold.
const MOST_ELEMENTS: usize = 64;

const KINDS: [SelectorKind; 4] = [
    SelectorKind::Css,
    SelectorKind::Aria,
    SelectorKind::Text,
    SelectorKind::XPath,
];

/// Reads the bytes as an answer's headers with their names, a playbook's step without its type, a
/// selector, a value and a page: the first ones end with a line break, the headers with an empty line.
/// Does with the headers all that is done with them, looks for the selector on the page, does to what it
/// finds all that steps do, extracts as the step says, and loads the page again as from a checkpoint.
pub fn page_to_step(data: &[u8]) {
    let (headers, rest) = split_headers(data);
    let mut parts = rest.splitn(4, |byte| *byte == b'\n');
    let mut part = || parts.next().unwrap_or_default();
    let (step, selector, value, body) = (part(), part(), part(), part());
    let url = Url::parse("https://x.example/in?a=b").expect("it is a URL");
    read_headers(&headers, &url);
    let (text, encoding) = decode(body.to_vec(), named_by(&headers));
    let Ok(mut page) = Page::parse(url, StatusCode::OK, text, encoding) else {
        return;
    };
    let refresh = headers.get("refresh").map(HeaderValue::as_bytes);
    page.refresh = refresh.and_then(|text| page.read_refresh(&String::from_utf8_lossy(text)));
    let (selector, value) = (
        String::from_utf8_lossy(selector),
        String::from_utf8_lossy(value),
    );
    ask_and_extract(&page, step, &value);
    for id in found(&page, &selector).into_iter().take(MOST_ELEMENTS) {
        act(&mut page, id, &value);
    }
    loaded_again(&page);
}

/// Lines of `name: value`, up to an empty one.
fn split_headers(data: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            break;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (headers, rest)
}

/// Whether they can be read is not the question here.
fn read_headers(headers: &HeaderMap, url: &Url) {
    let disposition = headers.get(CONTENT_DISPOSITION).map(HeaderValue::as_bytes);
    let _ = file_name(disposition, None, url);
    let _ = retry_after::asked(headers, std::time::SystemTime::UNIX_EPOCH);
    let target = redirect::target(StatusCode::FOUND, headers, url);
    let mut cookies = Cookies::default();
    cookies.receive(headers, url);
    for to in [Some(url), target.as_ref().ok().and_then(Option::as_ref)]
        .into_iter()
        .flatten()
    {
        let sent = cookies.header(&Method::GET, to, Some(url), Some(url));
        assert!(sent.is_none_or(|sent| !sent.contains(['\r', '\n'])));
    }
    let kept = cookies.keep();
    assert_eq!(Cookies::restore(&kept).keep().len(), kept.len());
}

/// Reads a question's choices, and values, as a step says: `{"name": …, "parameters": …}`.
fn ask_and_extract(page: &Page, step: &[u8], answer: &str) {
    let Ok(Value::Object(step)) = serde_json::from_slice(step) else {
        return;
    };
    let mut step: Map<String, Value> = step;
    step.insert("type".to_owned(), "customStep".into());
    let question = json!({"type": "customStep", "name": "windlass.interact",
        "parameters": {"type": "mfa", "message": "Code?"}});
    let document = json!({"title": "x", "steps": [question, step]});
    let Ok(playbook) = parse(&document) else {
        return;
    };
    let values = Values {
        input: json!({"a": answer}),
        answers: [("code".to_owned(), SecretString::from(answer))].into(),
        ..Values::default()
    };
    match &playbook.steps[1].action {
        Action::Interact(interact) => drop(fields(interact, Some(page), &values)),
        Action::Extract(extract) => {
            for (_, extraction) in &extract.fields {
                let _ = read_on(page, extraction, &values, MOST_ELEMENTS);
            }
        }
        _ => {}
    }
}

/// Reads the bytes as a playbook, says all that a check says of it, and fills its selectors with a value
/// that would leave its place.
pub fn playbook_to_check(data: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let playbook = match parse(&document) {
        Ok(playbook) => playbook,
        Err(problems) => {
            assert!(!problems.is_empty());
            return drop(problems.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
    };
    assert_eq!(
        playbook.first_for_browser().is_some(),
        playbook.tier() == Tier::Browser
    );
    drop(
        playbook
            .notes()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
    );
    for step in &playbook.steps {
        assert!(!step.to_string().is_empty());
        let (Action::Click(selectors) | Action::Change { selectors, .. }) = &step.action else {
            continue;
        };
        for selector in selectors.0.iter().flatten() {
            check_filled(selector);
        }
    }
}

/// A value is looked for, and does not change how.
fn check_filled(selector: &Selector) {
    const LEAVING: &str = "\"'][role=\"a\"] > b, * \\";
    let mut values = Values::default();
    for placeholder in selector.text.placeholders() {
        match placeholder {
            Placeholder::Interaction(name) => {
                values
                    .answers
                    .insert(name.clone(), SecretString::from(LEAVING));
            }
            Placeholder::Input(path) if path.len() == 1 => {
                values.input[path[0].as_str()] = LEAVING.into();
            }
            _ => return,
        }
    }
    let filled = values
        .fill_selector(selector)
        .expect("all of it has a value");
    let filled = filled.expose_secret();
    match selector.kind {
        SelectorKind::Aria => {
            let read = |text: &str| AriaQuery::parse(text).map(|query| query.role);
            assert_eq!(read(filled), read(&selector.text.to_string()), "{selector}");
        }
        SelectorKind::Css | SelectorKind::Pierce | SelectorKind::Text | SelectorKind::XPath => {}
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
        let text = page.shown_text(&element);
        drop((
            reading::number(&shown_in_lines(page, &element), None),
            reading::date(&text, None, None),
            reading::boolean(&text),
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

    const HEADERS: [&str; 7] = [
        "x: y",
        "set-cookie: a=b; Domain=example; Path=/in; SameSite=Lax",
        "set-cookie: __Host-a=\"b; Secure; Max-Age=-1; Expires=x",
        "location: //[x",
        "refresh: 0; url='/in",
        "retry-after: 99999999999999999999",
        "content-disposition: attachment; filename*=utf-8''%ff..%2f; filename=\"a\\\"",
    ];

    const STEPS: [&str; 6] = [
        "",
        r#"{"name": "windlass.extract", "parameters": {"fields": {"a": {"selector": "*", "as": "number"}, "b": {"selector": "dl", "term": "x"}}}}"#,
        r#"{"name": "windlass.extract", "parameters": {"fields": {"a": {"rows": "tr, p", "fields": {"b": {"selector": ":scope", "as": "date"}}}}}}"#,
        r#"{"name": "windlass.extract", "parameters": {"fields": {"a": {"table": "table", "fields": {"b": {"column": "", "selector": "a"}}}}}}"#,
        r#"{"name": "windlass.extract", "parameters": {"fields": {"a": {"selector": "aria/{{interaction.code}}", "json": "/0", "attribute": "class"}}}}"#,
        r#"{"name": "windlass.interact", "parameters": {"type": "x", "message": "y", "fields": [{"name": "a", "type": "select", "label": "b", "options": {"selector": "a, option, [id='{{input.a}}']", "attribute": "href"}}]}}"#,
    ];

    proptest! {
        #[test]
        fn no_page_and_no_step_on_it_is_a_danger(
            charset in select(vec!["", "text/html; charset=shift_jis", "text/html;charset=utf-16le", "x"]),
            header in select(HEADERS.to_vec()),
            step in select(STEPS.to_vec()),
            selector in select(SELECTORS.to_vec()),
            value in select(vec!["", "a", "b", "data:,x", "å\u{0}\r"]),
            pieces in prop::collection::vec(select(PIECES.to_vec()), 0..60),
            noise in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut data = format!(
                "content-type: {charset}\n{header}\n\n{step}\n{selector}\n{value}\n{}",
                pieces.concat()
            ).into_bytes();
            data.extend(noise);

            page_to_step(&data);
        }

        #[test]
        fn no_bytes_are_a_danger(data in prop::collection::vec(any::<u8>(), 0..400)) {
            page_to_step(&data);
            playbook_to_check(&data);
        }

        #[test]
        fn no_selector_lets_a_value_leave_its_place(
            kind in select(vec!["", "aria/", "text/", "pierce/"]),
            parts in prop::collection::vec(select(vec![
                "{{input.a}}", "{{interaction.code}}", "a", "[", "]", "role", "name", "=", "\"", "'", "\\", " ", ",", "#", ":",
            ]), 0..12),
        ) {
            let click = json!({"type": "click", "selectors": [format!("{kind}{}", parts.concat())]});
            let question = json!({"type": "customStep", "name": "windlass.interact",
                "parameters": {"type": "mfa", "message": "Code?"}});
            let document = json!({"title": "x", "steps": [question, click]});

            playbook_to_check(document.to_string().as_bytes());
        }
    }
}
