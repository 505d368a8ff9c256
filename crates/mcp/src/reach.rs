//! How the API is reached: inside the same process, or over HTTP.

use std::error::Error;
use std::fmt::Write;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::request::Parts;
use http::uri::InvalidUri;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use secrecy::{ExposeSecret, SecretString};
use tower::ServiceExt;
use url::Url;

use crate::call::{Answer, Call, CallError, MAX_ANSWER_BYTES};

/// How long a call may take: the longest wait of the API, and what it takes to come and go.
const AT_MOST: Duration = Duration::from_secs(90);

/// The API, as one caller reaches it.
#[derive(Clone)]
pub(crate) enum Reach {
    /// In this process, on behalf of a request that came in.
    InProcess(InProcess),
    /// Over HTTP.
    Remote(Remote),
}

impl Reach {
    /// Makes a call.
    ///
    /// # Errors
    /// The server cannot be reached, or says more than is taken.
    pub(crate) async fn call(&self, call: Call) -> Result<Answer, CallError> {
        match self {
            Self::InProcess(api) => api.call(call).await,
            Self::Remote(remote) => remote.call(call).await,
        }
    }
}

/// The API in this process, and what a request that came in hands on to the calls that are made for it.
#[derive(Clone)]
pub(crate) struct InProcess {
    router: Router,
    /// The key, and the trace that it is part of.
    headers: HeaderMap,
    /// Where it came from.
    extensions: http::Extensions,
}

impl InProcess {
    /// On behalf of the request with this head.
    pub(crate) fn of(router: Router, caller: &Parts) -> Self {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "traceparent"] {
            if let Some(value) = caller.headers.get(name) {
                headers.insert(name, value.clone());
            }
        }
        Self {
            router,
            headers,
            extensions: caller.extensions.clone(),
        }
    }

    /// Makes a call, and hands its answer on as it comes.
    ///
    /// # Errors
    /// The call has no valid address.
    pub(crate) async fn respond(&self, call: Call) -> Result<Response, CallError> {
        let mut request = Request::new(Body::empty());
        let address = call.path_and_query.parse();
        *request.uri_mut() = address.map_err(|error: InvalidUri| {
            CallError::Unreachable(format!("it has no such address: {error}"))
        })?;
        *request.method_mut() = call.method;
        *request.extensions_mut() = self.extensions.clone();
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().extend(call.headers);
        if let Some(body) = call.body {
            *request.body_mut() = Body::from(body.to_string());
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        let answered = self.router.clone().oneshot(request).await;
        Ok(answered.unwrap_or_else(|never| match never {}))
    }

    async fn call(&self, call: Call) -> Result<Answer, CallError> {
        let (head, body) = self.respond(call).await?.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => CallError::TooLarge,
            Err(error) => CallError::Unreachable(error.to_string()),
        })?;
        Ok(Answer {
            status: head.status,
            body: body.to_bytes(),
        })
    }
}

/// A server somewhere else, and the key for it.
#[derive(Clone)]
pub struct Remote {
    client: reqwest::Client,
    base: Url,
    key: SecretString,
}

impl Remote {
    /// The server at `base`, such as `https://windlass.example.com`. `client` says whom it trusts.
    pub fn new(client: reqwest::Client, base: Url, key: SecretString) -> Self {
        Self { client, base, key }
    }

    async fn call(&self, call: Call) -> Result<Answer, CallError> {
        let base = self.base.as_str().trim_end_matches('/');
        let mut request = self
            .client
            .request(call.method, format!("{base}{}", call.path_and_query))
            .timeout(AT_MOST)
            .bearer_auth(self.key.expose_secret())
            .headers(call.headers);
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let mut response = request
            .send()
            .await
            .map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| self.unreachable(error))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(CallError::TooLarge);
            }
        }
        Ok(Answer {
            status,
            body: body.into(),
        })
    }

    fn unreachable(&self, error: reqwest::Error) -> CallError {
        let error = error.without_url();
        let mut why = format!("{} at {}", error, self.base);
        let mut source = error.source();
        while let Some(cause) = source {
            // Writing to a String cannot fail.
            let _ = write!(why, ": {cause}");
            source = cause.source();
        }
        CallError::Unreachable(why)
    }

    /// Asks whether the server is there and knows the key.
    ///
    /// # Errors
    /// A sentence that says which of the two it is.
    pub async fn check(&self) -> Result<(), String> {
        let answer = self.call(Call::get(&["test"])).await;
        let answer = answer.map_err(|error| error.to_string())?;
        match answer.status {
            StatusCode::OK => Ok(()),
            StatusCode::UNAUTHORIZED => Err(format!("{} does not know the key", self.base)),
            status => Err(format!("{} answers {status} to GET /v2/test", self.base)),
        }
    }
}
