//! Which answers are texts, and how their bytes are read. Source: HTML standard, "Determining the
//! character encoding"; Encoding standard, where `ISO-8859-1` is one of the names of windows-1252.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use reqwest::header::{CONTENT_TYPE, HeaderMap};

/// Where a page must name its charset, if it does: "within the first 1024 bytes". Servers that write
/// a long comment first are forgiven.
const NAMED_WITHIN_BYTES: usize = 4096;

/// How much of a body is looked at to tell what it is ("resource header").
const SNIFFED_BYTES: usize = 1445;

fn content_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value.unwrap_or("").to_ascii_lowercase()
}

/// The charset that the header names.
pub(crate) fn named_by(headers: &HeaderMap) -> Option<&'static Encoding> {
    let content_type = content_type(headers);
    let (_, after) = content_type.split_once("charset")?;
    label_after(after.as_bytes())
}

/// Whether the answer is a text; nothing is looked for in a picture or a PDF.
pub(crate) fn is_text(headers: &HeaderMap) -> bool {
    let content_type = content_type(headers);
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    match kind.split_once('/') {
        None => true,
        // What other programs open; a browser keeps it.
        Some(("text", kind)) => {
            !matches!(kind, "calendar" | "csv" | "tab-separated-values" | "vcard")
        }
        Some((_, kind)) => {
            matches!(kind, "json" | "xml") || kind.ends_with("+json") || kind.ends_with("+xml")
        }
    }
}

/// Whether bytes that nothing is said of are no text. Source: MIME Sniffing standard, "Identifying a
/// resource with an unknown MIME type".
pub(crate) fn is_binary(start: &[u8]) -> bool {
    let start = &start[..start.len().min(SNIFFED_BYTES)];
    let is_data = |byte: &u8| matches!(byte, 0..=8 | 11 | 14..=26 | 28..=31);
    let is_marked = Encoding::for_bom(start).is_some();
    start.starts_with(b"%PDF-") || !is_marked && start.iter().any(is_data)
}

/// A text that is no page as browsers show it: in a `pre`. Source: the HTML standard, "Loading text
/// documents".
pub(crate) fn shown_as_page(text: &str) -> String {
    let mut page = String::with_capacity(text.len() + 16);
    // A line break right behind the tag is no part of the text.
    page.push_str("<pre>\n");
    for letter in text.chars() {
        match letter {
            '<' => page.push_str("&lt;"),
            '&' => page.push_str("&amp;"),
            other => page.push(other),
        }
    }
    page
}

/// Whether a text is none that is parsed: plain text, JSON.
pub(crate) fn is_plain(headers: &HeaderMap) -> bool {
    let content_type = content_type(headers);
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    match kind.split_once('/') {
        Some(("text", kind)) => !matches!(kind, "html" | "xml"),
        Some((_, kind)) => kind == "json" || kind.ends_with("+json"),
        None => false,
    }
}

/// The body as text, and the charset that it was written in; what cannot be read is replaced.
///
/// A byte order mark goes before the header, the header before the page. A page that says nothing is
/// UTF-8 where it can be, else windows-1252.
pub(crate) fn decode(
    body: Vec<u8>,
    named: Option<&'static Encoding>,
) -> (String, &'static Encoding) {
    if let Some((encoding, mark)) = Encoding::for_bom(&body) {
        let (text, _) = encoding.decode_without_bom_handling(&body[mark..]);
        return (text.into_owned(), encoding);
    }
    match named.or_else(|| named_in(&body)) {
        Some(encoding) if encoding != UTF_8 => read(&body, encoding),
        named => match String::from_utf8(body) {
            Ok(text) => (text, UTF_8),
            Err(not) if named.is_some() => read(not.as_bytes(), UTF_8),
            Err(not) => read(not.as_bytes(), WINDOWS_1252),
        },
    }
}

fn read(body: &[u8], encoding: &'static Encoding) -> (String, &'static Encoding) {
    let (text, _) = encoding.decode_without_bom_handling(body);
    (text.into_owned(), encoding)
}

/// Writes texts as pages of this charset do; what it does not have is written as `&#…;`.
pub(crate) fn encoder(
    encoding: &'static Encoding,
) -> impl for<'text> Fn(&'text str) -> Cow<'text, [u8]> {
    let encoding = encoding.output_encoding();
    move |text| encoding.encode(text).0
}

/// What a page's own `<meta charset>`, `<meta http-equiv>` or XML declaration names.
fn named_in(body: &[u8]) -> Option<&'static Encoding> {
    let start = &body[..body.len().min(NAMED_WITHIN_BYTES)];
    let start = start.to_ascii_lowercase();
    if let Some(declared) = start.strip_prefix(b"<?xml") {
        let end = position(declared, b"?>").unwrap_or(declared.len());
        let place = position(&declared[..end], b"encoding")?;
        return in_ascii(label_after(&declared[place + b"encoding".len()..end]));
    }
    let mut rest = start.as_slice();
    while let Some(place) = rest.iter().position(|byte| *byte == b'<') {
        rest = &rest[place..];
        if rest.starts_with(b"<!--") {
            // A comment that does not end hides the rest.
            let end = position(rest, b"-->")?;
            rest = &rest[end..];
            continue;
        }
        let end = rest
            .iter()
            .position(|byte| *byte == b'>')
            .unwrap_or(rest.len());
        let tag = &rest[..end];
        let is_meta = tag.strip_prefix(b"<meta").is_some_and(|after| {
            after
                .first()
                .is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'/')
        });
        if is_meta && let Some(encoding) = of_meta(tag) {
            return Some(encoding);
        }
        rest = &rest[1..];
    }
    None
}

/// The charset of one `<meta …`: in `charset`, or in `content` beside an `http-equiv`.
fn of_meta(tag: &[u8]) -> Option<&'static Encoding> {
    let mut rest = tag;
    while let Some(place) = position(rest, b"charset") {
        let before = rest[..place].last().copied();
        rest = &rest[place + b"charset".len()..];
        let own_attribute = before.is_some_and(|byte| byte.is_ascii_whitespace() || byte == b'/');
        let in_content = position(tag, b"http-equiv").is_some();
        if (own_attribute || in_content || before == Some(b';'))
            && let Some(encoding) = label_after(rest)
        {
            return in_ascii(Some(encoding));
        }
    }
    None
}

/// A page whose bytes name UTF-16 in ASCII is not written in it.
fn in_ascii(encoding: Option<&'static Encoding>) -> Option<&'static Encoding> {
    match encoding {
        Some(encoding) if encoding == UTF_16LE || encoding == UTF_16BE => Some(UTF_8),
        other => other,
    }
}

/// `= "utf-8"`: the label after the word before it.
fn label_after(text: &[u8]) -> Option<&'static Encoding> {
    let text = text
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let (quote, text) = match text.first() {
        Some(quote @ (b'"' | b'\'')) => (Some(*quote), &text[1..]),
        _ => (None, text),
    };
    let ends = |byte: &u8| match quote {
        Some(quote) => *byte == quote,
        None => byte.is_ascii_whitespace() || matches!(byte, b';' | b',' | b'"' | b'\'' | b'>'),
    };
    let end = text.iter().position(ends).unwrap_or(text.len());
    Encoding::for_label(&text[..end])
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::pdf(b"%PDF-1.7 \xe2", true)]
    #[case::picture(b"\x89PNG\r\n\x1a\n\0", true)]
    #[case::packed(b"PK\x03\x04", true)]
    #[case::page(b"<p>a\tb\x0c\x1b", false)]
    #[case::in_two_bytes(b"\xff\xfe<\0p\0", false)]
    #[case::nothing(b"", false)]
    fn bytes_without_a_type_are_told_by_what_they_hold(#[case] start: &[u8], #[case] is_it: bool) {
        assert_eq!(is_binary(start), is_it);
    }

    fn read_as(content_type: &str, body: &[u8]) -> (String, &'static str) {
        let mut headers = HeaderMap::new();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, content_type.parse().unwrap());
        }
        let (text, encoding) = decode(body.to_vec(), named_by(&headers));
        (text, encoding.name())
    }

    #[rstest]
    #[case::header(
        "text/html; charset=ISO-8859-1",
        b"str\xf8m \x80 5",
        "strøm € 5",
        "windows-1252"
    )]
    #[case::quoted("text/html;Charset = \"iso-8859-15\"", b"\xa4", "€", "ISO-8859-15")]
    #[case::header_before_page(
        "text/html; charset=utf-8",
        b"<meta charset=koi8-r>\xc3\xa5",
        "<meta charset=koi8-r>å",
        "UTF-8"
    )]
    #[case::unknown_in_header("text/html; charset=rubbish", b"\xf8", "ø", "windows-1252")]
    #[case::meta(
        "text/html",
        b"<head><meta charset='windows-1251'>\xc4\xe0",
        "<head><meta charset='windows-1251'>Да",
        "windows-1251"
    )]
    #[case::http_equiv(
        "",
        b"<META HTTP-EQUIV=Content-Type CONTENT='text/html; charset=Shift_JIS'>\x93\xfa",
        "<META HTTP-EQUIV=Content-Type CONTENT='text/html; charset=Shift_JIS'>日",
        "Shift_JIS"
    )]
    #[case::commented(
        "",
        b"<!-- <meta charset=koi8-r> -->\xc3\xa5",
        "<!-- <meta charset=koi8-r> -->å",
        "UTF-8"
    )]
    #[case::meta_says_utf_16(
        "",
        b"<meta charset=utf-16>\xc3\xa5",
        "<meta charset=utf-16>å",
        "UTF-8"
    )]
    #[case::xml(
        "application/xhtml+xml",
        b"<?xml version='1.0' encoding='iso-8859-2'?>\xb1",
        "<?xml version='1.0' encoding='iso-8859-2'?>ą",
        "ISO-8859-2"
    )]
    #[case::mark("text/html; charset=iso-8859-1", b"\xef\xbb\xbf\xc3\xa5", "å", "UTF-8")]
    #[case::mark_of_utf_16("text/html", b"\xff\xfea\x00\xe5\x00", "aå", "UTF-16LE")]
    #[case::nothing_said("text/html", "å".as_bytes(), "å", "UTF-8")]
    #[case::nothing_said_and_no_utf_8("text/html", b"bl\xe5", "blå", "windows-1252")]
    #[case::wrong("text/html; charset=utf-8", b"a\xffb", "a\u{fffd}b", "UTF-8")]
    #[case::empty("", b"", "", "UTF-8")]
    fn pages_are_read_as_browsers_read_them(
        #[case] content_type: &str,
        #[case] body: &[u8],
        #[case] text: &str,
        #[case] encoding: &str,
    ) {
        assert_eq!(read_as(content_type, body), (text.to_owned(), encoding));
    }

    #[rstest]
    #[case("", true)]
    #[case("Text/HTML; charset=utf-8", true)]
    #[case("application/xhtml+xml", true)]
    #[case("application/problem+json", true)]
    #[case("application/xml", true)]
    #[case("text/csv; charset=utf-8", false)]
    #[case("text/calendar", false)]
    #[case("application/pdf", false)]
    #[case(
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        false
    )]
    fn what_other_programs_open_is_no_text(#[case] content_type: &str, #[case] expected: bool) {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type.parse().unwrap())]);

        assert_eq!(is_text(&headers), expected);
    }

    proptest! {
        #[test]
        fn any_bytes_are_some_text(
            header in "(text/html)?(; ?charset ?=? ?[\"']?(utf-8|gb18030|iso-2022-jp|x-user-defined|utf-16be|replacement|x))?",
            start in "(<meta |<!--|-->|charset|=|http-equiv|content|\"|'|>|<\\?xml |encoding|utf-16|euc-kr| ){0,12}",
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let body = [start.as_bytes(), &rest].concat();

            read_as(&header, &body);
        }
    }
}
