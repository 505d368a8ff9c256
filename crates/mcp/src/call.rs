//! One call of the API, as a tool makes it, and what came back.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// What stays as it is in a segment of a path and in a query. Source: RFC 3986, section 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The most of an answer that is taken, in bytes.
pub(crate) const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A call of the API.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// With a slash at its start, encoded.
    pub(crate) path_and_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Value>,
}

impl Call {
    /// Reads what stands at `segments`. Each is encoded: an id that an assistant made up leads nowhere
    /// else.
    pub(crate) fn get(segments: &[&str]) -> Self {
        Self::of(Method::GET, segments)
    }

    /// Sends to what stands at `segments`.
    pub(crate) fn post(segments: &[&str]) -> Self {
        Self::of(Method::POST, segments)
    }

    /// Reads at an address that an answer gave.
    pub(crate) fn get_at(path_and_query: String) -> Self {
        Self {
            method: Method::GET,
            path_and_query,
            headers: HeaderMap::new(),
            body: None,
        }
    }

    fn of(method: Method, segments: &[&str]) -> Self {
        let mut path = "/v2".to_owned();
        for segment in segments {
            path.push('/');
            path.push_str(&encoded(segment));
        }
        Self {
            method,
            path_and_query: path,
            headers: HeaderMap::new(),
            body: None,
        }
    }

    /// With a parameter, where there is a value.
    pub(crate) fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            let before = if self.path_and_query.contains('?') {
                '&'
            } else {
                '?'
            };
            self.path_and_query.push(before);
            self.path_and_query.push_str(name);
            self.path_and_query.push('=');
            self.path_and_query.push_str(&encoded(&value.to_string()));
        }
        self
    }

    /// With a header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With a body; fields that are null are left out.
    pub(crate) fn body(mut self, mut body: Value) -> Self {
        if let Value::Object(fields) = &mut body {
            fields.retain(|_, value| !value.is_null());
        }
        self.body = Some(body);
        self
    }
}

/// A text as one segment of a path, or as a value in a query.
pub(crate) fn encoded(text: &str) -> String {
    match text {
        // Alone in a segment they would be resolved away.
        "." => "%2E".to_owned(),
        ".." => "%2E%2E".to_owned(),
        _ => utf8_percent_encode(text, UNRESERVED).to_string(),
    }
}

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("Windlass cannot be reached: {0}")]
    Unreachable(String),
    #[error("the answer is larger than {} MiB: ask for less, for example with `limit`", MAX_ANSWER_BYTES / 1024 / 1024)]
    TooLarge,
}

#[cfg(test)]
mod tests {
    use super::Call;

    #[test]
    fn an_id_stays_in_its_segment() {
        for (id, path) in [
            ("trun_1", "/v2/task-runs/trun_1"),
            ("../keys", "/v2/task-runs/..%2Fkeys"),
            ("..", "/v2/task-runs/%2E%2E"),
            ("a?include=input", "/v2/task-runs/a%3Finclude%3Dinput"),
            ("", "/v2/task-runs/"),
        ] {
            assert_eq!(Call::get(&["task-runs", id]).path_and_query, path);
        }
    }

    #[test]
    fn parameters_that_have_no_value_are_left_out() {
        let call = Call::get(&["tasks"])
            .query("status", None::<&str>)
            .query("limit", Some(5))
            .query("cursor", Some("a b&c"));

        assert_eq!(call.path_and_query, "/v2/tasks?limit=5&cursor=a%20b%26c");
    }
}
