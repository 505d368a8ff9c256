//! One call over HTTP: how it is sent, and what an answer that is no success means.

use std::error::Error;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use url::Url;

use super::traces::Traces;
use crate::leasing::POLL;
use crate::protocol::{LeaseKey, ProtocolError};

/// How long it may take to reach the server.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a call may take that waits for nothing: as long as the server takes for one, and the way.
const AT_MOST: Duration = Duration::from_secs(40);

/// How long after its wait the answer to a poll may begin: less than a new lease lives, so that those which
/// are lost with an answer mostly come again.
const HEAD: Duration = Duration::from_secs(5);

/// The silence after which the server may take a worker for gone. Source: docs/workers.md, "Incarnations".
const GONE_AFTER: Duration = Duration::from_secs(30);

const _: () = assert!(POLL.as_secs() + HEAD.as_secs() < GONE_AFTER.as_secs());

/// The longest answer: many leases, each with an input, a playbook and a checkpoint.
const MAX_ANSWER_BYTES: usize = 1024 * 1024 * 1024;

/// What a segment of a path may hold as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Why a server cannot be spoken with.
#[derive(Debug, thiserror::Error)]
pub enum NoServer {
    /// What was given as its address is none.
    #[error("{url:?} is no address of a server, which is such as https://windlass.example.com")]
    Address {
        /// What was given.
        url: String,
    },
    /// This machine cannot make connections.
    #[error("no connections can be made")]
    Client(#[source] reqwest::Error),
}

/// The server, as one key reaches it.
pub(super) struct Server {
    client: reqwest::Client,
    base: String,
    key: SecretString,
    pub(super) traces: Traces,
}

/// What an answer that is no success says.
#[derive(Deserialize)]
struct Told {
    errors: Vec<ToldError>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ToldError {
    code: String,
    message: String,
}

impl Server {
    pub(super) fn new(url: &str, key: SecretString) -> Result<Self, NoServer> {
        let no_address = || NoServer::Address {
            url: url.to_owned(),
        };
        let base = Url::parse(url).map_err(|_| no_address())?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(no_address());
        }
        // One is enough, and the program may have another.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .user_agent(concat!("windlass-worker/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            // What is sent is for this server alone.
            .redirect(redirect::Policy::none())
            .build()
            .map_err(NoServer::Client)?;
        Ok(Self {
            client,
            base: base.as_str().trim_end_matches('/').to_owned(),
            key,
            traces: Traces::default(),
        })
    }

    /// A call about a run, as a part of its trace.
    pub(super) fn of_run(&self, method: Method, lease: LeaseKey, call: &str) -> RequestBuilder {
        self.within(self.traces.of(lease), method, lease, call)
    }

    /// A call about a run, as a part of this trace, where there is one.
    pub(super) fn within(
        &self,
        trace_parent: Option<String>,
        method: Method,
        lease: LeaseKey,
        call: &str,
    ) -> RequestBuilder {
        let request = self.request(method, &format!("leases/{}/{call}", lease.run_id));
        match trace_parent {
            Some(trace_parent) => request.header("traceparent", trace_parent),
            None => request,
        }
    }

    /// A call.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/v2/worker/{path}", self.base))
            .timeout(AT_MOST)
            .bearer_auth(self.key.expose_secret())
    }

    /// The same, which the server answers after so long at the latest.
    pub(super) fn waiting(request: RequestBuilder, wait: Duration) -> RequestBuilder {
        request.timeout(wait + AT_MOST)
    }
}

/// A name as a segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

/// Sends a call that may not be made again where it may have been heard: that is no longer for the
/// caller to try.
pub(super) async fn answered_once<T: DeserializeOwned>(
    request: RequestBuilder,
) -> Result<T, ProtocolError> {
    let response = request.send().await.map_err(|error| {
        let was_sent = !error.is_connect();
        let error = unreachable(error);
        if was_sent { never_again(error) } else { error }
    })?;
    let status = response.status();
    let body = body_of(response).await.map_err(never_again)?;
    let read = read(status, &body);
    // So the server puts off what it has not done. A proxy that says so may have got no answer from it.
    let was_put_off = !told(&body).is_empty()
        && matches!(
            status,
            StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_MANY_REQUESTS
                | StatusCode::SERVICE_UNAVAILABLE
        );
    if was_put_off {
        read
    } else {
        read.map_err(never_again)
    }
}

fn never_again(error: ProtocolError) -> ProtocolError {
    match error {
        ProtocolError::Unavailable { message } => ProtocolError::Refused { message },
        error => error,
    }
}

/// Sends a call that waits so long at most, and reads its answer. A server that is frozen does not end a
/// connection: who waited for all of the time that the answer may take would be silent until it counts as
/// gone.
pub(super) async fn answered_in<T: DeserializeOwned>(
    request: RequestBuilder,
    wait: Duration,
) -> Result<T, ProtocolError> {
    begun_in(wait + HEAD, Server::waiting(request, wait)).await
}

async fn begun_in<T: DeserializeOwned>(
    patience: Duration,
    request: RequestBuilder,
) -> Result<T, ProtocolError> {
    let head = timeout(patience, request.send()).await;
    let response = head.map_err(|_| ProtocolError::Unavailable {
        message: format!("it has answered nothing in {} s", patience.as_secs()),
    })?;
    answer_of(response.map_err(unreachable)?).await
}

/// Sends a call and reads its answer.
pub(super) async fn answered<T: DeserializeOwned>(
    request: RequestBuilder,
) -> Result<T, ProtocolError> {
    answer_of(request.send().await.map_err(unreachable)?).await
}

async fn answer_of<T: DeserializeOwned>(response: Response) -> Result<T, ProtocolError> {
    let status = response.status();
    read(status, &body_of(response).await?)
}

async fn body_of(mut response: Response) -> Result<Vec<u8>, ProtocolError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            let message = format!("its answer is longer than {MAX_ANSWER_BYTES} bytes");
            return Err(ProtocolError::Unavailable { message });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, ProtocolError> {
    if !status.is_success() {
        return Err(refused(status, &told(body)));
    }
    serde_json::from_slice(body).map_err(|error| ProtocolError::Unavailable {
        // Not its text, which may have a part of the answer in it.
        message: format!(
            "its answer is not understood at line {}, column {}",
            error.line(),
            error.column()
        ),
    })
}

/// What the server says is wrong; nothing where somebody else has answered.
fn told(body: &[u8]) -> Vec<ToldError> {
    let told: Option<Told> = serde_json::from_slice(body).ok();
    told.map(|told| told.errors).unwrap_or_default()
}

/// What an answer that is no success means for a worker.
pub(super) fn refused(status: StatusCode, errors: &[ToldError]) -> ProtocolError {
    let message = || match errors {
        [] => format!("it answers {status}"),
        errors => {
            let messages = errors
                .iter()
                .map(|error| error.message.trim_end_matches('.'));
            messages.collect::<Vec<&str>>().join("; ")
        }
    };
    let is_later = if errors.is_empty() {
        // Somebody on the way has answered, such as a proxy whose server is being replaced. What would
        // be answered again the same: who may not come through, and what is too long for it.
        !matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::PAYLOAD_TOO_LARGE
                | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
        )
    } else {
        status.is_server_error()
            || matches!(
                status,
                StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
            )
    };
    if errors.iter().any(ToldError::is_lost) {
        ProtocolError::LeaseLost
    } else if is_later {
        ProtocolError::Unavailable { message: message() }
    } else {
        ProtocolError::Refused { message: message() }
    }
}

impl ToldError {
    /// Whether the run is no longer this worker's.
    fn is_lost(&self) -> bool {
        matches!(self.code.as_str(), "lease_lost" | "task_run_not_found")
    }

    /// Whether the server could say otherwise when it is asked again.
    fn is_passing(&self) -> bool {
        matches!(
            self.code.as_str(),
            "api_error" | "timeout" | "unavailable" | "rate_limit_exceeded"
        )
    }

    /// What the errors of one of many ends mean.
    pub(super) fn meaning(errors: &[Self]) -> ProtocolError {
        let status = if errors.iter().any(Self::is_passing) {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::BAD_REQUEST
        };
        refused(status, errors)
    }
}

fn unreachable(error: reqwest::Error) -> ProtocolError {
    let error = error.without_url();
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    ProtocolError::Unavailable { message }
}

#[cfg(test)]
mod tests;
