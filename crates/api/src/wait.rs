//! How long a caller asks to wait. Source: docs/api.md, "Waiting".

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use http::{HeaderMap, Method};

/// The calls that wait where they are asked to.
const READ_RUN: &str = "/v2/task-runs/{run_id}";
const START_RUN: &str = "/v2/tasks/{task_id}/run";

/// The calls of workers that wait, all of them for as long as they may.
const LEASE_RUNS: &str = "/v2/worker/leases";
const READ_ANSWER: &str = "/v2/worker/leases/{run_id}/interaction";

/// The calls of workers that send a content.
const STORE_FILE: &str = "/v2/worker/leases/{run_id}/files";
const STORE_SCREENSHOT: &str = "/v2/worker/leases/{run_id}/screenshots";

/// How long a content may be on its way: 100 MiB on a slow line.
pub(crate) const SENDING: Duration = Duration::from_secs(15 * 60);

/// The longest wait.
const MAX_SECONDS: u64 = 60;

/// The longest wait of a worker.
const WORKER_WAIT: Duration = Duration::from_secs(30);

/// The wait of this many seconds, where it is 1 to 60.
pub(crate) fn wait_of(text: &str) -> Option<Duration> {
    let seconds: u64 = text.trim().parse().ok()?;
    (1..=MAX_SECONDS)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

/// The wait that the header `Prefer: wait=N` asks for. A preference that is none of ours is left
/// aside, and of two waits the first counts. Source: RFC 7240, section 2.
pub(crate) fn preferred(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        // What follows a semicolon belongs to the preference before it.
        .filter_map(|preference| preference.split(';').next()?.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| wait_of(seconds.trim().trim_matches('"')))
}

/// How long a call waits before it answers; None where it is none that waits.
pub(crate) fn asked_wait(request: &Request) -> Option<Duration> {
    let route = request.extensions().get::<MatchedPath>()?.as_str();
    match (request.method(), route) {
        (&Method::GET | &Method::HEAD, READ_RUN) => {
            let query = request.uri().query().unwrap_or_default();
            let mut parameters = url::form_urlencoded::parse(query.as_bytes());
            let (_, seconds) = parameters.find(|(name, _)| name == "wait")?;
            wait_of(&seconds)
        }
        (&Method::POST, START_RUN) => preferred(request.headers()),
        (&Method::POST, LEASE_RUNS) | (&Method::GET | &Method::HEAD, READ_ANSWER) => {
            Some(WORKER_WAIT)
        }
        _ => None,
    }
}

/// How long a call's body may be on its way beyond what any has time for; None where it is a short one.
pub(crate) fn sending(request: &Request) -> Option<Duration> {
    let route = request.extensions().get::<MatchedPath>()?.as_str();
    [STORE_FILE, STORE_SCREENSHOT]
        .contains(&route)
        .then_some(SENDING)
}

/// Whether a call only waits, whatever its method says: it ends with its caller, and carries what it
/// must by itself.
pub(crate) fn ends_with_caller(request: &Request) -> bool {
    let route = request.extensions().get::<MatchedPath>();
    route.is_some_and(|route| route.as_str() == LEASE_RUNS)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("wait=5", Some(5))]
    #[case("respond-async, Wait=\"60\"", Some(60))]
    #[case("wait=61", None)]
    #[case("wait=0", None)]
    #[case("wait=soon", None)]
    #[case("return=minimal", None)]
    #[case("respond-async; wait=5, wait=6; soft", Some(6))]
    #[case("wait=0, wait=5", None)]
    fn a_preference_of_one_to_sixty_seconds_is_heard(
        #[case] value: &'static str,
        #[case] seconds: Option<u64>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static(value));

        assert_eq!(preferred(&headers), seconds.map(Duration::from_secs));
    }
}
