//! How the fields of a form are written. Source: the HTML standard, "URL-encoded form data",
//! "Multipart form data", "Plain text form data"; RFC 7578.

use std::hash::{BuildHasher, Hasher, RandomState};

use encoding_rs::Encoding;
use secrecy::{ExposeSecret, SecretSlice};
use url::form_urlencoded::Serializer;

use crate::charset::encoder;
use crate::form::entries::{Entry, Value};

/// An encoded form.
#[derive(Clone)]
pub(crate) struct FormBody {
    pub(crate) content_type: String,
    content: SecretSlice<u8>,
}

impl FormBody {
    /// Written as `enctype` says; what is unknown is URL-encoded.
    pub(super) fn of(enctype: &str, entries: &[Entry], encoding: &'static Encoding) -> Self {
        match enctype {
            "multipart/form-data" => {
                let boundary = format!("----WindlassForm{:016x}{:016x}", random(), random());
                Self {
                    content_type: format!("multipart/form-data; boundary={boundary}"),
                    content: multipart(entries, encoding, &boundary).into(),
                }
            }
            "text/plain" => Self {
                content_type: "text/plain".to_owned(),
                content: plain(entries, encoding).into(),
            },
            _ => Self {
                content_type: "application/x-www-form-urlencoded".to_owned(),
                content: url_encoded(entries, encoding).into_bytes().into(),
            },
        }
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.bytes().len()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.content.expose_secret()
    }

    #[cfg(test)]
    pub(crate) fn of_fields(fields: &str) -> Self {
        Self {
            content_type: "application/x-www-form-urlencoded".to_owned(),
            content: fields.as_bytes().to_vec().into(),
        }
    }
}

/// The charset of what a form sends: the first that it accepts, else the page's.
pub(super) fn encoding(accepted: Option<&str>, page: &'static Encoding) -> &'static Encoding {
    let labels = accepted
        .unwrap_or("")
        .split([' ', ',', '\t', '\n', '\r', '\u{c}']);
    let named = labels
        .filter_map(|label| Encoding::for_label(label.as_bytes()))
        .next();
    named.unwrap_or(page).output_encoding()
}

/// Encoded for a URL or a body.
pub(super) fn url_encoded(entries: &[Entry], encoding: &'static Encoding) -> String {
    let encode = encoder(encoding);
    let mut serializer = Serializer::new(String::new());
    serializer.encoding_override(Some(&encode));
    for entry in entries {
        let value = match &entry.value {
            Value::Text(text) => lines(text),
            Value::File(file) => file.name.clone(),
        };
        serializer.append_pair(&lines(&entry.name), &value);
    }
    serializer.finish()
}

fn multipart(entries: &[Entry], encoding: &'static Encoding, boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries {
        body.extend(format!("--{boundary}\r\nContent-Disposition: form-data; name=\"").bytes());
        body.extend(quoted(&lines(&entry.name), encoding));
        body.push(b'"');
        match &entry.value {
            Value::Text(text) => {
                body.extend(b"\r\n\r\n");
                body.extend(encode(&lines(text), encoding));
            }
            Value::File(file) => {
                body.extend(b"; filename=\"");
                body.extend(quoted(&file.name, encoding));
                body.extend(format!("\"\r\nContent-Type: {}\r\n\r\n", file.file_type).bytes());
                body.extend(&file.content);
            }
        }
        body.extend(b"\r\n");
    }
    body.extend(format!("--{boundary}--\r\n").bytes());
    body
}

fn plain(entries: &[Entry], encoding: &'static Encoding) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries {
        let value = match &entry.value {
            Value::Text(text) => text,
            Value::File(file) => &file.name,
        };
        let line = format!("{}={}\r\n", lines(&entry.name), lines(value));
        body.extend(encode(&line, encoding));
    }
    body
}

/// A number that nobody who writes a field can know.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

fn encode(text: &str, encoding: &'static Encoding) -> Vec<u8> {
    encoder(encoding)(text).into_owned()
}

/// A name that cannot end the quotes or the line that it stands in.
fn quoted(name: &str, encoding: &'static Encoding) -> Vec<u8> {
    let escaped = name
        .replace('\r', "%0D")
        .replace('\n', "%0A")
        .replace('"', "%22");
    encode(&escaped, encoding)
}

/// Lines end as the network has them.
fn lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => {
                letters.next_if_eq(&'\n');
                lines.push_str("\r\n");
            }
            '\n' => lines.push_str("\r\n"),
            letter => lines.push(letter),
        }
    }
    lines
}
