//! Dates as people write them.

use time::{Date, Month};
use windlass_playbook::DateOrder;

mod month;

/// Words between the parts of a date: `20 de enero de 2026`, `20th of January 2026`.
const BETWEEN: [&str; 6] = ["de", "del", "den", "di", "of", "the"];

/// What East Asian languages write after year, month and day.
const AFTER_PARTS: [char; 6] = ['年', '月', '日', '년', '월', '일'];

/// Languages and regions whose short dates put the month first (CLDR).
const MONTH_FIRST: [&str; 5] = ["en", "en-us", "en-ph", "es-us", "fil"];

/// Below this, a year of two digits is of this century.
const CENTURY_TURNS_AT: i32 = 70;

/// The first date in a text, as `YYYY-MM-DD`: `2026-01-20`, `20 January 2026`, `Jan 20, 2026`,
/// `20.01.2026`, `20/01/2026`, `2026年1月20日`.
///
/// Where the month is a number too, the order is the given one; else, between slashes, that of the
/// page's language; else the day comes first. Only where an order that was not given makes no date
/// (`01/20/2026`) is the other one tried. With a given order a year may have two digits.
pub(crate) fn date(text: &str, order: Option<DateOrder>, language: Option<&str>) -> Option<String> {
    let words = words(text);
    let month_first = text.contains('/') && language.is_some_and(puts_month_first);
    let mut places = 0..words.len().saturating_sub(2);
    let date = places.find_map(|place| {
        let three = &words[place..place + 3];
        if !are_joined(three, order) || goes_on(&words, place) {
            return None;
        }
        let texts = [three[0].text, three[1].text, three[2].text];
        match order {
            Some(order) => in_order(&texts, order),
            None => in_any_order(&texts, month_first),
        }
    })?;
    Some(format!(
        "{:04}-{:02}-{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    ))
}

/// A word, and what stands between it and the one before.
struct Word<'text> {
    before: &'text str,
    text: &'text str,
}

/// The words that a date may be made of; those between its parts stand before the next one.
fn words(text: &str) -> Vec<Word<'_>> {
    let is_part = |letter: char| letter.is_alphanumeric() && !AFTER_PARTS.contains(&letter);
    let mut words = Vec::new();
    let (mut end, mut next) = (0, 0);
    while let Some(start) = text[next..].find(is_part).map(|place| next + place) {
        let length = text[start..].find(|letter| !is_part(letter));
        next = length.map_or(text.len(), |length| start + length);
        let word = &text[start..next];
        if !is_between(word) {
            words.push(Word {
                before: &text[end..start],
                text: word,
            });
            end = next;
        }
    }
    words
}

/// Whether three words are written as one date: `3 of 12, 2026 kr` is none.
fn are_joined(words: &[Word], order: Option<DateOrder>) -> bool {
    let [first, second, third] = words else {
        return false;
    };
    let named = [first, second]
        .iter()
        .any(|word| month::named(word.text).is_some());
    let joints = [second.before, third.before].map(str::trim);
    if named {
        let plain = |letter: char| letter.is_alphabetic() || letter.is_whitespace();
        return joints.iter().all(|joint| {
            let mut signs = joint.chars().filter(|letter| !plain(*letter));
            signs.all(|sign| matches!(sign, ',' | '.' | '-' | '/'))
        });
    }
    match joints {
        ["年" | "년", "月" | "월"] => true,
        // Only whoever knows how the page writes its dates says that these numbers are one.
        ["", ""] => order.is_some(),
        [one, other] => one == other && matches!(one, "-" | "/" | "."),
    }
}

/// Whether the three words from this place on are a part of more numbers of the kind: `1.20.01.2026`.
fn goes_on(words: &[Word], place: usize) -> bool {
    let is_number = |word: &Word| word.text.bytes().all(|byte| byte.is_ascii_digit());
    let joint = words[place + 1].before;
    let joins = |word: &Word| word.before == joint && matches!(joint, "-" | "/" | ".");
    let before = place > 0 && is_number(&words[place - 1]) && joins(&words[place]);
    let after = words
        .get(place + 3)
        .is_some_and(|word| is_number(word) && joins(word));
    before || after
}

fn is_between(word: &str) -> bool {
    BETWEEN.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn puts_month_first(language: &str) -> bool {
    let language = language.trim().replace('_', "-").to_ascii_lowercase();
    MONTH_FIRST.contains(&language.as_str())
}

fn in_order(words: &[&str], order: DateOrder) -> Option<Date> {
    let [first, second, third] = words else {
        return None;
    };
    // A year of four digits, or the name of a month, says where it stands.
    if year(first).is_some() || month::named(first).is_some() || month::named(second).is_some() {
        return in_any_order(words, order == DateOrder::MonthDayYear);
    }
    let (year, month, day) = match order {
        DateOrder::DayMonthYear => (third, second, first),
        DateOrder::MonthDayYear => (third, first, second),
        DateOrder::YearMonthDay => (first, second, third),
    };
    calendar(any_year(year)?, month_number(month)?, day)
}

fn in_any_order(words: &[&str], month_first: bool) -> Option<Date> {
    let [first, second, third] = words else {
        return None;
    };
    if let Some(year) = year(first) {
        let month = month_number(second).or_else(|| month::named(second))?;
        return calendar(year, month, third);
    }
    let year = year(third)?;
    if let Some(month) = month::named(second) {
        return calendar(year, month, first);
    }
    if let Some(month) = month::named(first) {
        return calendar(year, month, second);
    }
    let day_first = || calendar(year, month_number(second)?, first);
    let month_comes_first = || calendar(year, month_number(first)?, second);
    match month_first {
        true => month_comes_first().or_else(day_first),
        // `30/02/2026` is no date, and not the 2nd of a 30th month either.
        false if month_number(second).is_some() => day_first(),
        false => month_comes_first(),
    }
}

fn calendar(year: i32, month: Month, day_word: &str) -> Option<Date> {
    Date::from_calendar_date(year, month, day(day_word)?).ok()
}

fn year(word: &str) -> Option<i32> {
    (word.len() == 4)
        .then(|| word.parse().ok())
        .flatten()
        .filter(|year| *year >= 1000)
}

fn any_year(word: &str) -> Option<i32> {
    if word.len() != 2 {
        return year(word);
    }
    let short: i32 = word.parse().ok()?;
    Some(match short < CENTURY_TURNS_AT {
        true => 2000 + short,
        false => 1900 + short,
    })
}

/// A day, also as in `20th`, and as the first part of `20T10`.
fn day(word: &str) -> Option<u8> {
    let digits = word
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(word.len());
    let (number, ending) = word.split_at(digits);
    let known =
        matches!(ending, "" | "st" | "nd" | "rd" | "th" | "er" | "º") || ending.starts_with('T');
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-01-20")]
    #[case("2026-01-20T10:00:00Z")]
    #[case("2026/1/20")]
    #[case("2026. 01. 20.")]
    #[case("2026年1月20日")]
    #[case("2026년 1월 20일")]
    #[case("20 January 2026")]
    #[case("20. januar 2026")]
    #[case("20th January 2026")]
    #[case("the 20th of January, 2026")]
    #[case("Jan 20, 2026")]
    #[case("January 20th, 2026")]
    #[case("20 janvier 2026")]
    #[case("20 de enero de 2026")]
    #[case("20 de janeiro de 2026")]
    #[case("20 gennaio 2026")]
    #[case("20 januari 2026")]
    #[case("20. Jänner 2026")]
    #[case("20 stycznia 2026")]
    #[case("20.01.2026")]
    #[case("20.1.2026")]
    #[case("20. 1. 2026")]
    #[case("20 / 01 / 2026")]
    #[case("20-Jan-2026")]
    #[case("Bill 7 of 20/01/2026, 3 of 12")]
    #[case("20/01/2026")]
    #[case("01/20/2026")]
    #[case("Tuesday, 20 Jan 2026 at 10:00")]
    #[case("Due: 20-01-2026")]
    fn dates_are_read_as_people_write_them(#[case] text: &str) {
        assert_eq!(date(text, None, None).as_deref(), Some("2026-01-20"));
    }

    #[rstest]
    #[case("01/02/2026", "2026-02-01")]
    #[case("29 Feb 2024", "2024-02-29")]
    #[case("1 desember 2025", "2025-12-01")]
    #[case("1er août 2025", "2025-08-01")]
    fn a_day_comes_before_its_month(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(date(text, None, None).as_deref(), Some(expected));
    }

    #[rstest]
    #[case("01/02/2026", "en-US", "2026-01-02")]
    #[case("01/02/2026", "en", "2026-01-02")]
    #[case("01/02/2026", "en_US", "2026-01-02")]
    #[case("01/02/2026", "en-GB", "2026-02-01")]
    #[case("01/02/2026", "nb", "2026-02-01")]
    #[case("20/01/2026", "en", "2026-01-20")]
    #[case("01.02.2026", "en", "2026-02-01")]
    #[case("2026-01-02", "en", "2026-01-02")]
    fn the_language_of_the_page_decides_between_slashes(
        #[case] text: &str,
        #[case] language: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(date(text, None, Some(language)).as_deref(), Some(expected));
    }

    #[rstest]
    #[case("01/02/2026", DateOrder::MonthDayYear, Some("2026-01-02"))]
    #[case("01/02/26", DateOrder::DayMonthYear, Some("2026-02-01"))]
    #[case("26-02-01", DateOrder::YearMonthDay, Some("2026-02-01"))]
    #[case("01.02.99", DateOrder::DayMonthYear, Some("1999-02-01"))]
    #[case("2026-01-02", DateOrder::DayMonthYear, Some("2026-01-02"))]
    #[case("1 Feb 2026", DateOrder::MonthDayYear, Some("2026-02-01"))]
    #[case("01 02 2026", DateOrder::DayMonthYear, Some("2026-02-01"))]
    #[case("20/01/2026", DateOrder::MonthDayYear, None)]
    fn a_given_order_stands_above_the_language(
        #[case] text: &str,
        #[case] order: DateOrder,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(date(text, Some(order), Some("en-US")).as_deref(), expected);
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
    #[case("20 Janitors 2026")]
    #[case("3 of 12 2026")]
    #[case("12 4 2026")]
    #[case("Order 12, 4 - 2026 kr")]
    #[case("20/01-2026")]
    #[case("version 1.20.01.2026")]
    #[case("20.01.2026.7")]
    #[case("20 (January) 2026")]
    #[case("2026年1/20")]
    fn a_text_without_date_has_none(#[case] text: &str) {
        assert_eq!(date(text, None, None), None);
    }
}
