//! When a source asks to come again later. Source: RFC 9110, 10.2.3; RFC 6585, 4.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Method, StatusCode};

/// How often one request is repeated because its source asks for that.
pub(crate) const MAX_REPEATS: u32 = 3;

/// The least wait: a source that asks for none has asked all the same.
const LEAST_WAIT: Duration = Duration::from_millis(500);

/// How long the source wants no request; None where it does not say, or longer than anybody waits.
pub(crate) fn wait(
    status: StatusCode,
    headers: &HeaderMap,
    now: SystemTime,
    longest: Duration,
) -> Option<Duration> {
    let asks = matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    );
    let asked = asked(headers, now).filter(|_| asks)?;
    (asked <= longest).then_some(asked.max(LEAST_WAIT))
}

/// Whether the request is made again then. A form that may have had an effect is not sent again: 503
/// does not say that it had none.
pub(crate) fn may_repeat(method: &Method, status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || *method == Method::GET
}

/// The wait that the source asks for, if it does.
pub(crate) fn asked(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(value).ok()?;
    Some(at.duration_since(now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Method::GET, 429, Some("2"), Some(2000))]
    #[case(Method::GET, 503, Some("0"), Some(500))]
    #[case(Method::POST, 429, Some("1"), Some(1000))]
    #[case(Method::POST, 503, Some("1"), None)]
    #[case(Method::GET, 429, Some("3600"), None)]
    #[case(Method::GET, 429, None, None)]
    #[case(Method::GET, 429, Some("soon"), None)]
    #[case(Method::GET, 200, Some("1"), None)]
    #[case(Method::GET, 503, Some("Thu, 01 Jan 1970 00:00:30 GMT"), Some(20_000))]
    #[case(Method::GET, 503, Some("Thu, 01 Jan 1970 00:00:05 GMT"), Some(500))]
    #[case(Method::GET, 503, Some("99999999999999999999"), None)]
    fn a_source_is_waited_for_as_it_asks(
        #[case] method: Method,
        #[case] status: u16,
        #[case] asked: Option<&str>,
        #[case] milliseconds: Option<u64>,
    ) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        let asked = asked.map(|asked| (RETRY_AFTER, asked.parse().unwrap()));
        let headers = HeaderMap::from_iter(asked);
        let status = StatusCode::from_u16(status).unwrap();

        let wait = wait(status, &headers, now, Duration::from_secs(60));
        let wait = wait.filter(|_| may_repeat(&method, status));

        assert_eq!(wait, milliseconds.map(Duration::from_millis));
    }
}
