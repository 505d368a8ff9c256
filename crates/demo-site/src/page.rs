//! The frame of every page, in HTML without script: head, styles, header, footer.

use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;

const STYLES: &str = "
:root { color-scheme: light; --ink: #14233b; --soft: #5a6980; --line: #d9e0ea; --deep: #0b4f6c; --sun: #f4b942; }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.55 system-ui, 'Segoe UI', Roboto, sans-serif; color: var(--ink); background: #f3f6fa; }
a { color: var(--deep); }
a:focus-visible, input:focus-visible, button:focus-visible { outline: 3px solid var(--sun); outline-offset: 2px; }
.top { background: var(--deep); color: #fff; border-bottom: 4px solid var(--sun); }
.top div { display: flex; gap: 1.5rem; align-items: baseline; max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem; }
.top strong { font-size: 1.25rem; letter-spacing: .01em; margin-right: auto; }
.top a { color: #fff; }
main { max-width: 60rem; margin: 2rem auto; padding: 0 1.25rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 1rem; }
.card { background: #fff; border: 1px solid var(--line); border-radius: .6rem; padding: 1.5rem; margin-bottom: 1.5rem; }
.narrow { max-width: 26rem; margin-inline: auto; }
label { display: block; font-weight: 600; margin-top: 1rem; }
input { width: 100%; font: inherit; padding: .55rem .7rem; margin-top: .25rem; border: 1px solid #8292a8; border-radius: .35rem; }
button { font: inherit; font-weight: 600; color: #fff; background: var(--deep); border: 0; border-radius: .35rem; padding: .65rem 1.4rem; margin-top: 1.5rem; cursor: pointer; }
.error { background: #fdecea; border-left: 4px solid #b3261e; padding: .6rem .9rem; margin: 0 0 1rem; }
.hint { color: var(--soft); margin: 0 0 .5rem; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; font-weight: 600; padding-bottom: .5rem; }
th, td { text-align: left; padding: .6rem .75rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-size: .85rem; }
.amount { text-align: right; font-variant-numeric: tabular-nums; }
.status-unpaid { background: #fff3d6; border-radius: 1rem; padding: .1rem .6rem; }
.summary { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 1rem; margin: 0; }
.summary dt { color: var(--soft); font-size: .85rem; }
.summary dd { margin: 0; font-size: 1.15rem; font-weight: 600; text-align: left; }
.pages { display: flex; gap: 1.5rem; padding-top: 1rem; }
.messages { list-style: none; padding: 0; margin: 0; }
.messages li { background: #e8f1f5; border-radius: .9rem; padding: .7rem 1rem; margin-bottom: .75rem; }
.messages small { color: var(--soft); display: block; }
footer { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem 2rem; color: var(--soft); font-size: .85rem; }
";

/// Who sees the page: it decides what the header offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Audience {
    Anybody,
    Customer,
}

/// A whole page around `content`, which is HTML already.
pub(crate) fn page(title: &str, audience: Audience, content: &str) -> Html<String> {
    let links = match audience {
        Audience::Anybody => "",
        Audience::Customer => {
            r#"<a href="/invoices">Invoices</a> <a id="logout" href="/logout">Log out</a>"#
        }
    };
    let title = escape(title);
    Html(format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} – Nordlys Kraft</title>
<style>{STYLES}</style>
</head>
<body>
<header class="top"><div><strong>Nordlys Kraft</strong> {links}</div></header>
<main>
{content}
</main>
<footer>Nordlys Kraft is made up. This site exists for demonstrations and tests.</footer>
</body>
</html>
"#
    ))
}

/// A page that says only why there is no other.
pub(crate) fn problem(status: StatusCode, title: &str, text: &str) -> Response {
    let content = format!(
        r#"<div class="card narrow"><h1>{}</h1><p class="problem">{}</p><p><a href="/login">To the start page</a></p></div>"#,
        escape(title),
        escape(text)
    );
    (status, page(title, Audience::Anybody, &content)).into_response()
}

/// The refusal of a form that this site did not hand out.
pub(crate) fn foreign_form() -> Response {
    problem(
        StatusCode::FORBIDDEN,
        "Form not accepted",
        "The form has no valid token. Open the page again and fill it in anew.",
    )
}

/// Text made safe inside an element or an attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element_or_attribute() {
        assert_eq!(
            escape(r#"<a b="c" d='e'>&"#),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;"
        );
    }
}
