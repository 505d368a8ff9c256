//! Bodies of requests: read strictly, checked against the form that the document shows, and only
//! then taken apart.

mod form;
mod nul;
mod strict;

pub(crate) use self::form::{CANNOT_CHANGE, Form, RequestBody, request_body};
pub(crate) use self::strict::{NotJson, read, read_apart};

/// Whether a text or a key in it holds a NUL character.
pub(crate) fn has_nul(value: &serde_json::Value) -> bool {
    !nul::places(value).is_empty()
}
