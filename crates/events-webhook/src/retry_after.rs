//! How long a receiver asks to be left alone. Source: RFC 9110, section 10.2.3.

use std::time::{Duration, UNIX_EPOCH};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use windlass_domain::time::Timestamp;

/// What `Retry-After` says, in seconds or as a date; None where it is missing or neither. A date
/// that has passed is no wait.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than a u64 holds is as good as the most that it holds.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    Some(Timestamp::from_millis(millis).since(now))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("120", Some(120))]
    #[case(" 0 ", Some(0))]
    #[case("99999999999999999999999", Some(u64::MAX))]
    #[case("Mon, 05 Jan 2026 10:02:30 GMT", Some(30))]
    #[case("Monday, 05-Jan-26 10:02:30 GMT", Some(30))]
    #[case("Mon Jan  5 10:02:30 2026", Some(30))]
    #[case("Mon, 05 Jan 2026 09:00:00 GMT", Some(0))]
    #[case("Thu, 01 Jan 1970 00:00:00 GMT", Some(0))]
    #[case("", None)]
    #[case("soon", None)]
    #[case("-5", None)]
    #[case("1.5", None)]
    #[case("2026-01-05T10:02:30Z", None)]
    fn seconds_and_dates_are_read(#[case] text: &'static str, #[case] seconds: Option<u64>) {
        let now = Timestamp::parse("2026-01-05T10:02:00.000Z").unwrap();
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]);

        let asked = retry_after(&headers, now);

        assert_eq!(asked, seconds.map(Duration::from_secs));
    }

    #[test]
    fn where_nothing_is_said_nothing_is_asked() {
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::EPOCH), None);
    }
}
