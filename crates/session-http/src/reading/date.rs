//! Dates as people write them.

use time::{Date, Month};

/// Months by the first letters of their names, in English and where German and the Nordic languages
/// differ from it.
const MONTHS: [(&[&str], Month); 12] = [
    (&["jan"], Month::January),
    (&["feb"], Month::February),
    (&["mar", "mär"], Month::March),
    (&["apr"], Month::April),
    (&["may", "mai", "maj"], Month::May),
    (&["jun"], Month::June),
    (&["jul"], Month::July),
    (&["aug"], Month::August),
    (&["sep"], Month::September),
    (&["oct", "okt"], Month::October),
    (&["nov"], Month::November),
    (&["dec", "des", "dez"], Month::December),
];

/// No month has a longer name; longer words that start like one are something else.
const LONGEST_MONTH: usize = 9;

/// The first date in a text, as `YYYY-MM-DD`: `2026-01-20`, `20 January 2026`, `Jan 20, 2026`,
/// `20.01.2026`, `20/01/2026`.
///
/// Where the month is a number too, the day comes first; only where that gives no date (`01/20/2026`)
/// is the month taken to come first.
pub(crate) fn date(text: &str) -> Option<String> {
    let words: Vec<&str> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let date = words
        .windows(3)
        .find_map(|words| three(words[0], words[1], words[2]))?;
    Some(format!(
        "{:04}-{:02}-{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    ))
}

fn three(first: &str, second: &str, third: &str) -> Option<Date> {
    if let Some(year) = year(first) {
        return Date::from_calendar_date(year, month_number(second)?, day(third)?).ok();
    }
    let year = year(third)?;
    if let Some(month) = month_name(second) {
        return Date::from_calendar_date(year, month, day(first)?).ok();
    }
    if let Some(month) = month_name(first) {
        return Date::from_calendar_date(year, month, day(second)?).ok();
    }
    let (day, month) = match (month_number(second), month_number(first)) {
        (Some(month), _) => (day(first)?, month),
        (None, Some(month)) => (day(second)?, month),
        (None, None) => return None,
    };
    Date::from_calendar_date(year, month, day).ok()
}

fn year(word: &str) -> Option<i32> {
    (word.len() == 4)
        .then(|| word.parse().ok())
        .flatten()
        .filter(|year| *year >= 1000)
}

/// A day, also as in `20th`, and as the first part of `20T10`.
fn day(word: &str) -> Option<u8> {
    let digits = word
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(word.len());
    let (number, ending) = word.split_at(digits);
    let known = matches!(ending, "" | "st" | "nd" | "rd" | "th") || ending.starts_with('T');
    known
        .then(|| number.parse().ok())
        .flatten()
        .filter(|day| (1..=31).contains(day))
}

fn month_number(word: &str) -> Option<Month> {
    (word.len() <= 2)
        .then(|| word.parse::<u8>().ok())
        .flatten()?
        .try_into()
        .ok()
}

fn month_name(word: &str) -> Option<Month> {
    let word = word.to_lowercase();
    if word.chars().count() > LONGEST_MONTH || word.chars().any(|letter| !letter.is_alphabetic()) {
        return None;
    }
    MONTHS
        .iter()
        .find(|(names, _)| names.iter().any(|name| word.starts_with(name)))
        .map(|(_, month)| *month)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-01-20")]
    #[case("2026-01-20T10:00:00Z")]
    #[case("20 January 2026")]
    #[case("20. januar 2026")]
    #[case("20th January 2026")]
    #[case("Jan 20, 2026")]
    #[case("January 20th, 2026")]
    #[case("20.01.2026")]
    #[case("20.1.2026")]
    #[case("20/01/2026")]
    #[case("01/20/2026")]
    #[case("Tuesday, 20 Jan 2026 at 10:00")]
    #[case("Due: 20-01-2026")]
    fn dates_are_read_as_people_write_them(#[case] text: &str) {
        assert_eq!(date(text).as_deref(), Some("2026-01-20"));
    }

    #[rstest]
    #[case("01/02/2026", "2026-02-01")]
    #[case("29 Feb 2024", "2024-02-29")]
    #[case("1 desember 2025", "2025-12-01")]
    fn a_day_comes_before_its_month(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(date(text).as_deref(), Some(expected));
    }

    #[rstest]
    #[case("")]
    #[case("soon")]
    #[case("30 Feb 2026")]
    #[case("32.01.2026")]
    #[case("13/13/2026")]
    #[case("20 January")]
    #[case("20.01.26")]
    #[case("1 249 2026")]
    fn a_text_without_date_has_none(#[case] text: &str) {
        assert_eq!(date(text), None);
    }
}
