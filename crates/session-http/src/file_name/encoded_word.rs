//! `=?UTF-8?B?w6UucGRm?=`: texts as mail writes them (RFC 2047). It is no part of HTTP, yet old servers
//! name files so, and browsers read it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::Encoding;

/// The text with its encoded words read, where it has any and all can be read.
pub(super) fn decoded(text: &str) -> Option<String> {
    let mut read = String::new();
    let mut rest = text;
    let mut follows_a_word = false;
    while let Some((before, word)) = rest.split_once("=?") {
        // White space between two of them is no part of the text.
        if !(follows_a_word && before.trim().is_empty()) {
            read.push_str(before);
        }
        let mut parts = word.splitn(3, '?');
        let (charset, kind, rest_of_word) = (parts.next()?, parts.next()?, parts.next()?);
        let (content, after) = rest_of_word.split_once("?=")?;
        // A language may stand behind the charset (RFC 2231).
        let charset = charset.split('*').next().unwrap_or_default();
        let encoding = Encoding::for_label(charset.as_bytes())?;
        let bytes = match kind {
            "B" | "b" => STANDARD.decode(content).ok()?,
            "Q" | "q" => quoted(content)?,
            _ => return None,
        };
        read.push_str(&encoding.decode_without_bom_handling(&bytes).0);
        (rest, follows_a_word) = (after, true);
    }
    read.push_str(rest);
    follows_a_word.then_some(read)
}

/// `=c3=a5_1`, where `_` is a space.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut letters = text.bytes();
    while let Some(letter) = letters.next() {
        bytes.push(match letter {
            b'_' => b' ',
            b'=' => {
                let mut digit = || char::from(letters.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::decoded;

    #[rstest]
    #[case("=?UTF-8?B?c3Ryw7htLnBkZg==?=", Some("strøm.pdf"))]
    #[case("=?utf-8?q?str=C3=B8m_1=2epdf?=", Some("strøm 1.pdf"))]
    #[case("=?ISO-8859-1*no?Q?str=F8m?=.pdf", Some("strøm.pdf"))]
    #[case("=?UTF-8?B?c3Ryw7ht?= =?UTF-8?B?LnBkZg==?=", Some("strøm.pdf"))]
    #[case("a =?UTF-8?B?Yg==?= c", Some("a b c"))]
    #[case("bill.pdf", None)]
    #[case("=?bill?=.pdf", None)]
    #[case("=?UTF-8?B?c3R?=", None)]
    #[case("=?UTF-8?Q?a=c?=", None)]
    #[case("=?UTF-8?Q?a=", None)]
    #[case("=?none?B?Yg==?=", None)]
    fn words_are_read_or_left_as_they_are(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(decoded(text).as_deref(), expected);
    }
}
