//! How long a caller asks to wait. Source: docs/api.md, "Waiting".

use std::time::Duration;

use http::{HeaderMap, Uri};

/// The longest wait.
const MAX_SECONDS: u64 = 60;

/// The wait of this many seconds, where it is 1 to 60.
pub(crate) fn wait_of(text: &str) -> Option<Duration> {
    let seconds: u64 = text.trim().parse().ok()?;
    (1..=MAX_SECONDS)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

/// The wait that the header `Prefer: wait=N` asks for. A preference that is none of ours is left
/// aside; source: RFC 7240, section 2.
pub(crate) fn preferred(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .filter_map(|preference| preference.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| wait_of(seconds.trim().trim_matches('"')))
}

/// How long an answer may take beyond what a request may take.
pub(crate) fn asked_wait(headers: &HeaderMap, uri: &Uri) -> Duration {
    let query = uri.query().unwrap_or_default();
    let parameter = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "wait")
        .and_then(|(_, seconds)| wait_of(&seconds));
    parameter.or_else(|| preferred(headers)).unwrap_or_default()
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
    fn a_preference_of_one_to_sixty_seconds_is_heard(
        #[case] value: &'static str,
        #[case] seconds: Option<u64>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", HeaderValue::from_static(value));

        assert_eq!(preferred(&headers), seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case("/v2/task-runs/trun_1?include=input&wait=7")]
    #[case("/v2/task-runs/trun_1?wait=%37")]
    fn a_wait_in_the_address_counts_as_well(#[case] address: &'static str) {
        let uri = Uri::from_static(address);

        assert_eq!(asked_wait(&HeaderMap::new(), &uri), Duration::from_secs(7));
    }
}
