//! The dates in which servers write when a cookie ends: whatever browsers read. Source: RFC 6265, 5.1.1.

use time::{Date, Month, OffsetDateTime, Time};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The moment that a date names; None where it names none.
pub(super) fn read(text: &str) -> Option<OffsetDateTime> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    let is_delimiter = |letter: char| !letter.is_ascii_alphanumeric() && letter != ':';
    for token in text.split(is_delimiter).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = time_in(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_in(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2..=4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        year @ 70..=99 => year + 1900,
        year @ 0..=69 => year + 2000,
        year => year,
    };
    let (hour, minute, second) = time?;
    let date = Date::from_calendar_date(i32::from(year), month?, u8::try_from(day?).ok()?).ok()?;
    let date = (year >= 1601).then_some(date)?;
    Some(
        date.with_time(Time::from_hms(hour, minute, second).ok()?)
            .assume_utc(),
    )
}

/// `8:05:09`, and whatever follows it.
fn time_in(token: &str) -> Option<(u8, u8, u8)> {
    let mut parts = token.splitn(3, ':');
    let mut part = || u8::try_from(number(parts.next()?, 1..=2)?).ok();
    Some((part()?, part()?, part()?))
}

fn month_in(token: &str) -> Option<Month> {
    let start = token.get(..3)?.to_ascii_lowercase();
    let position = MONTHS.iter().position(|month| *month == start)?;
    Month::try_from(u8::try_from(position + 1).ok()?).ok()
}

/// The number of so many digits that a token begins with.
fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u16> {
    let count = token.bytes().take_while(u8::is_ascii_digit).count();
    digits
        .contains(&count)
        .then(|| token[..count].parse().ok())?
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::read;

    #[rstest]
    #[case("Thu, 1 Jan 1970 00:00:00 GMT", Some(0))]
    #[case("Thu, 01 Jan 1970 00:00:01 UTC", Some(1))]
    #[case("Thursday, 01-Jan-70 00:00:00 GMT", Some(0))]
    #[case("Sat, 01 Jan 2000 00:00:00 +0000", Some(946_684_800))]
    #[case("01 Jan 2000 00:00:00", Some(946_684_800))]
    #[case("Thu, 01-Jan-1970 0:00:09 GMT", Some(9))]
    #[case("Jan 1 2000 1:2:3", Some(946_688_523))]
    #[case("Sun Nov 29 20:00:00 2037", Some(2_143_137_600))]
    #[case("1 Jan 1600 00:00:00", None)]
    #[case("31 Feb 2000 00:00:00", None)]
    #[case("1 Jan 2000 24:00:00", None)]
    #[case("1 Jan 2000", None)]
    #[case("soon", None)]
    #[case("", None)]
    fn dates_are_read_as_browsers_read_them(#[case] text: &str, #[case] expected: Option<i64>) {
        assert_eq!(
            read(text).map(time::OffsetDateTime::unix_timestamp),
            expected
        );
    }
}
