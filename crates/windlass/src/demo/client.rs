//! The demo's HTTP client: what a caller's own would do.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// How long one call may take; the longest wait is 10 s.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Calls the public API with a key.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    key: SecretString,
}

impl Client {
    pub(super) fn new(base: String, key: SecretString) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .context("failed to make an HTTP client")?;
        Ok(Self { http, base, key })
    }

    /// The address that every path is below.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// The key that every call shows.
    pub(super) fn key(&self) -> &SecretString {
        &self.key
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// Fetches a file by its signed address, which needs no key.
    pub(super) async fn fetch(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let response = self.http.get(url).send().await;
        let response = response.with_context(|| format!("failed to fetch {url}"))?;
        let status = response.status();
        let content = response.bytes().await;
        let content = content.with_context(|| format!("failed to read {url}"))?;
        if status != StatusCode::OK {
            bail!(
                "GET {url} answered {status}: {}",
                String::from_utf8_lossy(&content)
            );
        }
        Ok(content.to_vec())
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self
            .http
            .request(method.clone(), format!("{}{path}", self.base))
            .header(
                AUTHORIZATION,
                format!("Bearer {}", self.key.expose_secret()),
            );
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let response = request.send().await;
        let response = response.with_context(|| format!("failed to send {method} {path}"))?;
        let status = response.status();
        let answer = response.bytes().await;
        let answer =
            answer.with_context(|| format!("failed to read the answer to {method} {path}"))?;
        if !status.is_success() {
            bail!(
                "{method} {path} answered {status}: {}",
                String::from_utf8_lossy(&answer)
            );
        }
        serde_json::from_slice(&answer)
            .with_context(|| format!("the answer to {method} {path} is not JSON"))
    }
}

/// A text member of an answer.
///
/// # Errors
/// It is missing, or no text.
pub(super) fn text<'a>(answer: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    answer[name]
        .as_str()
        .with_context(|| format!("the answer has no text `{name}`: {answer}"))
}

/// A list member of an answer.
///
/// # Errors
/// It is missing, or no list.
pub(super) fn list<'a>(answer: &'a Value, name: &str) -> anyhow::Result<&'a Vec<Value>> {
    answer[name]
        .as_array()
        .with_context(|| format!("the answer has no list `{name}`: {answer}"))
}
