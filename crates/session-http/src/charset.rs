//! Which answers are texts, and how their bytes are read.

use reqwest::header::{CONTENT_TYPE, HeaderMap};

/// How characters are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Latin1,
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    value.unwrap_or("").to_ascii_lowercase()
}

/// The charset that the answer is written in; what names no other is UTF-8.
pub(crate) fn charset(headers: &HeaderMap) -> Charset {
    let content_type = content_type(headers);
    match ["iso-8859-1", "latin1", "windows-1252"]
        .iter()
        .any(|name| content_type.contains(name))
    {
        true => Charset::Latin1,
        false => Charset::Utf8,
    }
}

/// Whether the answer is a text; nothing is looked for in a picture or a PDF.
pub(crate) fn is_text(headers: &HeaderMap) -> bool {
    let content_type = content_type(headers);
    let known = ["text/", "html", "xml", "json"];
    content_type.is_empty() || known.iter().any(|kind| content_type.contains(kind))
}

/// The characters of the codes 0x80 to 0x9f in windows-1252, which browsers read ISO-8859-1 as.
const WINDOWS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// The body as text; what cannot be read is replaced.
pub(crate) fn decode(body: &[u8], charset: Charset) -> String {
    let latin_1 = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS_1252
            .chars()
            .nth(usize::from(byte - 0x80))
            .unwrap_or('\u{fffd}'),
        _ => char::from(*byte),
    };
    match charset {
        Charset::Utf8 => String::from_utf8_lossy(body).into_owned(),
        Charset::Latin1 => body.iter().map(latin_1).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_1_is_read_as_browsers_read_it() {
        assert_eq!(decode(b"str\xf8m \x80 5", Charset::Latin1), "strøm € 5");
    }
}
