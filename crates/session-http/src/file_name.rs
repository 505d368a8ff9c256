//! The name of a downloaded file: what the server says, made harmless.

mod encoded_word;

use percent_encoding::percent_decode_str;
use url::Url;
use windlass_domain::file::harmless_name;

use self::encoded_word::decoded;

/// The name of a file where nobody gave it one.
const UNNAMED: &str = "download";

/// The name from a `Content-Disposition` (RFC 6266), else that of the link (`download`), else the last
/// part of the URL's path.
pub(crate) fn file_name(disposition: Option<&[u8]>, link: Option<&str>, url: &Url) -> String {
    let disposition = disposition.map(|bytes| match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // Old servers write Latin-1, whose codes are the characters' own.
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    });
    let given = disposition.as_deref().and_then(named);
    let in_url = || {
        let last = url
            .path_segments()
            .and_then(|mut segments| segments.next_back())
            .unwrap_or("");
        // What is behind a semicolon is for the server, such as the id of its session.
        let last = last.split(';').next().unwrap_or_default();
        percent_decode_str(last).decode_utf8_lossy().into_owned()
    };
    let harmless = |name: String| Some(harmless_name(&name)).filter(|name| !name.is_empty());
    given
        .and_then(harmless)
        .or_else(|| harmless(link?.to_owned()))
        .or_else(|| harmless(in_url()))
        .unwrap_or_else(|| UNNAMED.to_owned())
}

/// Whether the header says that the answer is a file and no page.
pub(crate) fn is_attachment(disposition: &[u8]) -> bool {
    disposition
        .trim_ascii_start()
        .to_ascii_lowercase()
        .starts_with(b"attachment")
}

/// `filename*` where it can be read, else `filename`.
fn named(disposition: &str) -> Option<String> {
    let parameters = parameters(disposition);
    let value = |name: &str| {
        parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    };
    value("filename*")
        .and_then(extended)
        .or_else(|| value("filename").map(|name| decoded(name).unwrap_or_else(|| name.to_owned())))
}

/// The parameters of the header: `name=token` and `name="quoted \" text"`.
fn parameters(header: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = header.split_once(';').map_or("", |(_, rest)| rest);
    while let Some((name, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted_text(quoted),
            None => {
                let (token, after) = value.split_once(';').unwrap_or((value, ""));
                (token.trim_end().to_owned(), after)
            }
        };
        found.push((name.trim_matches([' ', '\t', ';']).to_owned(), value));
        rest = after;
    }
    found
}

/// The text up to the closing quote, and what follows it.
fn quoted_text(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((position, letter)) = letters.next() {
        match letter {
            '"' => return (value, &text[position + 1..]),
            '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
            _ => value.push(letter),
        }
    }
    (value, "")
}

/// `UTF-8'en'%c3%a5.pdf` (RFC 8187).
fn extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let charset = parts.next()?;
    let text = parts.nth(1)?;
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    if charset.eq_ignore_ascii_case("utf-8") {
        String::from_utf8(bytes).ok()
    } else if charset.eq_ignore_ascii_case("iso-8859-1") {
        Some(bytes.into_iter().map(char::from).collect())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use windlass_domain::file::MAX_NAME_BYTES;

    use super::*;

    fn named_by(disposition: &str) -> String {
        file_name(
            Some(disposition.as_bytes()),
            None,
            &Url::parse("https://x.example/get").unwrap(),
        )
    }

    #[rstest]
    #[case("attachment; filename=bill.pdf", "bill.pdf")]
    #[case(
        "attachment; filename=\"January bill.pdf\"; size=3",
        "January bill.pdf"
    )]
    #[case("attachment;filename=\"a\\\"b;c.pdf\"", "a\"b;c.pdf")]
    #[case("inline; FileName = \"x.pdf\"", "x.pdf")]
    #[case(
        "attachment; filename=\"fallback.pdf\"; filename*=UTF-8''str%C3%B8m.pdf",
        "strøm.pdf"
    )]
    #[case("attachment; filename*=iso-8859-1'en'str%F8m.pdf", "strøm.pdf")]
    #[case("attachment; filename=\"=?UTF-8?B?c3Ryw7htLnBkZg==?=\"", "strøm.pdf")]
    #[case("attachment; filename*=koi8-r''x; filename=known.pdf", "known.pdf")]
    #[case("attachment; filename=\"../../etc/passwd\"", "passwd")]
    #[case("attachment; filename=\"..\\..\\boot.ini\"", "boot.ini")]
    #[case(
        "attachment; filename*=UTF-8''%2e%2e%2f%2e%2e%2fetc%2fshadow",
        "shadow"
    )]
    #[case("attachment; filename=\"bill\u{202e}fdp.exe\"", "billfdp.exe")]
    #[case("attachment; filename=\"a\u{0}b\u{7}.pdf\"", "ab.pdf")]
    #[case("attachment; filename=\".htaccess\"", "htaccess")]
    #[case("attachment; filename=\"..\"", "get")]
    #[case("attachment; filename=\"\"", "get")]
    #[case("attachment; filename=\"unclosed.pdf", "unclosed.pdf")]
    #[case("attachment", "get")]
    #[case("; = ; \"", "get")]
    fn names_are_read_and_made_harmless_name(#[case] disposition: &str, #[case] name: &str) {
        assert_eq!(named_by(disposition), name);
    }

    #[rstest]
    #[case("https://x.example/bills/2026%2D01.pdf?x=/y", "2026-01.pdf")]
    #[case("https://x.example/bills/..%2F..%2Fpasswd", "passwd")]
    #[case("https://x.example/list.csv;jsessionid=17", "list.csv")]
    #[case("https://x.example/", "download")]
    fn without_a_header_the_url_names_the_file(#[case] url: &str, #[case] name: &str) {
        assert_eq!(file_name(None, None, &Url::parse(url).unwrap()), name);
    }

    #[test]
    fn latin_1_is_read_where_it_is_no_utf_8() {
        let url = Url::parse("https://x.example/").unwrap();

        assert_eq!(
            file_name(Some(b"attachment; filename=\"str\xf8m.pdf\""), None, &url),
            "strøm.pdf"
        );
    }

    proptest! {
        #[test]
        fn any_header_gives_a_harmless_name(header in "(attachment|;|filename|\\*|=|\"|'|UTF-8|%2f|%2e|%|\\\\|/|\\.| |a|å|\u{202e}){0,20}") {
            let name = named_by(&header);

            prop_assert!(!name.is_empty() && name.len() <= MAX_NAME_BYTES, "{}", name);
            prop_assert!(!name.contains(['/', '\\', '\0', '\u{202e}']) && !name.starts_with('.'), "{}", name);
        }
    }

    #[test]
    fn a_long_name_is_cut_and_keeps_its_ending() {
        let name = named_by(&format!("attachment; filename=\"{}.pdf\"", "å".repeat(400)));

        assert!(
            name.len() <= MAX_NAME_BYTES && name.ends_with("å.pdf"),
            "{name}"
        );
    }
}
