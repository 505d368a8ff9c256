//! `/docs`: the OpenAPI document as a page. It is made on the server, needs no script and no other
//! host, and is allowed none.

mod html;
mod page;

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// How the page looks.
const STYLE: &str = include_str!("docs/style.css");

/// A page, and what it may do.
#[derive(Clone)]
pub(crate) struct Page {
    html: String,
    policy: HeaderValue,
}

impl Page {
    /// The page of a document.
    pub(crate) fn of(document: &Value) -> Self {
        let hash = STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        Self {
            html: page::of(document, STYLE),
            policy: HeaderValue::try_from(policy).expect("base64 is printable"),
        }
    }

    /// The answer that shows it.
    pub(crate) fn answer(self) -> Response {
        let head = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            ),
            (header::CONTENT_SECURITY_POLICY, self.policy),
            (
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ),
            (
                header::REFERRER_POLICY,
                HeaderValue::from_static("no-referrer"),
            ),
        ];
        (head, self.html).into_response()
    }
}
