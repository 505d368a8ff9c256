//! What is told of a content in the head of its request.

use http::{HeaderMap, header};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};
use windlass_wire::worker::activity::{EPOCH, SHA256};

use crate::error::{ApiError, Finding};
use crate::error_code::ErrorCode;
use crate::json;

/// What is told of a content in the head of its request.
pub(super) struct Head<'a> {
    headers: &'a HeaderMap,
    findings: Vec<Finding>,
}

impl<'a> Head<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        Self {
            headers,
            findings: Vec::new(),
        }
    }

    pub(super) fn invalid(&mut self, name: &'static str, what: &str) {
        let message = format!("`{name}` {what}.");
        self.findings
            .push(Finding::of(ErrorCode::InputInvalid, name, message));
    }

    fn one(&mut self, name: &'static str) -> Option<&'a [u8]> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next();
        if values.next().is_some() {
            self.invalid(name, "is given twice");
        }
        value.map(http::HeaderValue::as_bytes)
    }

    /// The lease's number, which must be there.
    pub(super) fn epoch(&mut self) -> Option<u32> {
        if !self.headers.contains_key(EPOCH) {
            let message =
                format!("`{EPOCH}` is missing; it says which lease the content belongs to.");
            self.findings
                .push(Finding::of(ErrorCode::InputMissing, EPOCH, message));
        }
        self.number(EPOCH)
    }

    pub(super) fn number(&mut self, name: &'static str) -> Option<u32> {
        let text = self.one(name)?;
        let number = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        if number.is_none() {
            self.invalid(name, "must be a whole number from 0 to 4294967295");
        }
        number
    }

    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let decoded = percent_decode(self.one(name)?).decode_utf8();
        let text = decoded.ok().map(std::borrow::Cow::into_owned);
        if text.is_none() {
            self.invalid(name, "must be UTF-8, percent-encoded");
        }
        text
    }

    pub(super) fn object(&mut self, name: &'static str) -> Option<Map<String, Value>> {
        let text = self.text(name)?;
        match json::read(text.as_bytes()) {
            Ok(value) if json::has_nul(&value) => {
                self.invalid(name, "must hold no NUL character");
                None
            }
            Ok(Value::Object(members)) => Some(members),
            Ok(_) | Err(_) => {
                self.invalid(name, "must be a JSON object, percent-encoded");
                None
            }
        }
    }

    pub(super) fn sha256(&mut self) -> Option<[u8; 32]> {
        let digest = digest(self.one(SHA256)?);
        if digest.is_none() {
            self.invalid(SHA256, "must be 64 hexadecimal digits");
        }
        digest
    }

    /// The type of the content; what cannot be read is none.
    pub(super) fn file_type(&self) -> String {
        let given = self.headers.get(header::CONTENT_TYPE);
        let text = given.and_then(|given| given.to_str().ok());
        text.unwrap_or_default().to_owned()
    }

    /// That all of it is right.
    pub(super) fn end(self) -> Result<(), ApiError> {
        if self.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(ApiError::new(
                ErrorCode::MediaTypeUnsupported,
                "The body must not be compressed.",
            ));
        }
        if self.findings.is_empty() {
            Ok(())
        } else {
            Err(ApiError::all(self.findings))
        }
    }
}

/// A SHA-256 in hexadecimal digits.
pub(super) fn digest(text: &[u8]) -> Option<[u8; 32]> {
    let text = str::from_utf8(text).ok().filter(|text| text.len() == 64)?;
    let mut digest = [0; 32];
    for (place, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(digest)
}
