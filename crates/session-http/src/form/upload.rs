//! A file for an upload field, written as a `data:` URL: `data:text/csv;name=bills.csv;base64,…`. So a
//! run's input can hold it. Source: RFC 2397; `name` is what several clients write there.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use windlass_domain::file::harmless_name;

/// Padded or not: both are written.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One file; the default is what a field sends in which none was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) file_type: String,
    pub(super) content: Vec<u8>,
}

impl Default for Upload {
    fn default() -> Self {
        Self {
            name: String::new(),
            file_type: "application/octet-stream".to_owned(),
            content: Vec::new(),
        }
    }
}

/// The file; None where the text is no such URL.
pub(super) fn read(url: &str) -> Option<Upload> {
    let (head, content) = url.trim().strip_prefix("data:")?.split_once(',')?;
    let mut parts = head.split(';').map(str::trim);
    let file_type = parts.next().unwrap_or("");
    let (mut name, mut packed) = (None, false);
    for part in parts {
        match part.split_once('=') {
            Some(("name" | "filename", given)) => {
                name = Some(percent_decode_str(given).decode_utf8_lossy().into_owned());
            }
            None if part.eq_ignore_ascii_case("base64") => packed = true,
            Some(_) | None => {}
        }
    }
    let bytes: Vec<u8> = percent_decode_str(content).collect();
    let content = match packed {
        true => BASE64.decode(bytes).ok()?,
        false => bytes,
    };
    let name = harmless_name(name.as_deref().unwrap_or(""));
    let has_type =
        file_type.contains('/') && file_type.is_ascii() && !file_type.contains(char::is_control);
    Some(Upload {
        name: if name.is_empty() {
            "file".to_owned()
        } else {
            name
        },
        file_type: if has_type {
            file_type.to_owned()
        } else {
            "text/plain".to_owned()
        },
        content,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "data:text/csv;name=b%C3%A5.csv;base64,YTtiCg==",
        "bå.csv",
        "text/csv",
        b"a;b\n"
    )]
    #[case(
        "data:application/pdf;base64,JVBERi0",
        "file",
        "application/pdf",
        b"%PDF-"
    )]
    #[case("data:,a%20b", "file", "text/plain", b"a b")]
    #[case("data:x\r\ny;name=../../etc/passwd,", "passwd", "text/plain", b"")]
    fn a_data_url_is_a_file(
        #[case] url: &str,
        #[case] name: &str,
        #[case] file_type: &str,
        #[case] content: &[u8],
    ) {
        let expected = Upload {
            name: name.to_owned(),
            file_type: file_type.to_owned(),
            content: content.to_vec(),
        };

        assert_eq!(read(url), Some(expected));
    }

    #[rstest]
    #[case("C:\\fakepath\\bill.pdf")]
    #[case("data:text/plain")]
    #[case("data:text/plain;base64,%%%")]
    #[case("")]
    fn anything_else_is_none(#[case] url: &str) {
        assert_eq!(read(url), None);
    }
}
