//! What a field can hold: what cannot stand in it is not sent either. Source: the HTML standard, "States
//! of the type attribute", each with its value sanitization algorithm, and "Dates and times".

use scraper::ElementRef;
use time::{Date, Month};

use crate::form::Hindrance;

/// How exactly steps are counted: a tenth is none in binary.
const PARTS_OF_ONE: f64 = 1e9;

/// The value, as an input of this kind holds it.
pub(super) fn sanitized(kind: &str, input: &ElementRef, value: &str) -> String {
    match kind {
        "hidden" => value.to_owned(),
        "number" | "date" | "month" | "week" | "time" | "datetime-local" => {
            written(kind, value).unwrap_or_default()
        }
        "color" => written(kind, value).unwrap_or_else(|| "#000000".to_owned()),
        "range" => range(input, value),
        "email" if input.attr("multiple").is_some() => {
            let line = one_line(value);
            let addresses: Vec<&str> = line.split(',').map(trimmed).collect();
            addresses.join(",")
        }
        "email" | "url" => trimmed(&one_line(value)).to_owned(),
        _ => one_line(value),
    }
}

/// Why an input of this kind takes no such value: what a browser would leave out without a word.
pub(super) fn refusal(kind: &str, value: &str) -> Option<Hindrance> {
    let takes = match kind {
        "number" | "range" => "takes a number, written as 1249.5",
        "date" => "takes a date, written as 2026-01-31",
        "month" => "takes a month, written as 2026-01",
        "week" => "takes a week, written as 2026-W05",
        "time" => "takes a time, written as 13:45",
        "datetime-local" => "takes a date and a time, written as 2026-01-31T13:45",
        "color" => "takes a color, written as #00ff7f",
        _ => return None,
    };
    (!value.is_empty() && written(kind, value).is_none()).then_some(takes)
}

/// As much of what is typed as an input of this kind, or a `textarea`, takes, in UTF-16 code units.
/// Source: "The maxlength and minlength attributes".
pub(super) fn cut(kind: &str, field: &ElementRef, typed: &str) -> String {
    let limit = match kind {
        "number" | "range" | "date" | "month" | "week" | "time" | "datetime-local" | "color"
        | "hidden" => None,
        _ => field.attr("maxlength").and_then(limit),
    };
    let Some(limit) = limit else {
        return typed.to_owned();
    };
    let mut units = 0;
    let fits = |letter: &char| {
        units += letter.len_utf16();
        units <= limit
    };
    typed.chars().take_while(fits).collect()
}

/// Source: "Rules for parsing non-negative integers".
fn limit(written: &str) -> Option<usize> {
    let written = written.trim_ascii_start();
    let written = written.strip_prefix('+').unwrap_or(written);
    let end = written.find(|letter: char| !letter.is_ascii_digit());
    written[..end.unwrap_or(written.len())].parse().ok()
}

fn one_line(value: &str) -> String {
    value.replace(['\r', '\n'], "")
}

fn trimmed(value: &str) -> &str {
    value.trim_matches(|letter: char| letter.is_ascii_whitespace())
}

/// The value in the one way of writing that inputs of this kind have; None where it is none.
fn written(kind: &str, value: &str) -> Option<String> {
    let is_one = match kind {
        "number" | "range" => number(value).is_some(),
        "date" => date(value).is_some(),
        "month" => month(value).is_some(),
        "week" => week(value).is_some(),
        "time" => time(value).is_some(),
        "datetime-local" => return date_and_time(value),
        "color" => return color(value),
        _ => true,
    };
    is_one.then(|| value.to_owned())
}

/// Source: "Valid floating-point number".
fn number(value: &str) -> Option<f64> {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((digits, exponent)) => (
            digits,
            exponent.strip_prefix(['-', '+']).unwrap_or(exponent),
        ),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_one = are_digits(whole)
        && [fraction, exponent]
            .iter()
            .all(|part| !part.is_empty() && are_digits(part))
        && (!whole.is_empty() || digits.starts_with('.'));
    let number: f64 = value.parse().ok().filter(|_| is_one)?;
    number.is_finite().then_some(number)
}

fn two_digits(text: &str) -> Option<u8> {
    let are_two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| are_two)
}

fn year(text: &str) -> Option<i32> {
    let is_one = text.len() >= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|year| is_one && *year > 0)
}

fn month(value: &str) -> Option<(i32, Month)> {
    let (years, month) = value.split_once('-')?;
    Some((year(years)?, Month::try_from(two_digits(month)?).ok()?))
}

fn date(value: &str) -> Option<Date> {
    let (months, day) = value.rsplit_once('-')?;
    let (year, month) = month(months)?;
    Date::from_calendar_date(year, month, two_digits(day)?).ok()
}

fn week(value: &str) -> Option<u8> {
    let (years, week) = value.split_once("-W")?;
    let last = time::util::weeks_in_year(year(years)?);
    two_digits(week).filter(|week| (1..=last).contains(week))
}

/// The time as short as it can be written.
fn time(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, ':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    let is_below = |text, end| two_digits(text).is_some_and(|number| number < end);
    if !is_below(hour, 24) || !is_below(minute, 60) {
        return None;
    }
    let mut short = format!("{hour}:{minute}");
    if let Some(seconds) = parts.next() {
        let (second, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let is_fraction =
            (1..=3).contains(&fraction.len()) && fraction.bytes().all(|byte| byte.is_ascii_digit());
        if !is_below(second, 60) || !is_fraction {
            return None;
        }
        let fraction = fraction.trim_end_matches('0');
        if !fraction.is_empty() {
            short += &format!(":{second}.{fraction}");
        } else if second != "00" {
            short += &format!(":{second}");
        }
    }
    Some(short)
}

fn date_and_time(value: &str) -> Option<String> {
    let (day, hours) = value.split_once(['T', ' '])?;
    let time = time(hours)?;
    date(day).map(|_| format!("{day}T{time}"))
}

fn color(value: &str) -> Option<String> {
    let digits = value.strip_prefix('#')?;
    let is_one = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_one.then(|| value.to_ascii_lowercase())
}

/// The nearest number that a slider can stand at; the middle, where it is told none.
fn range(input: &ElementRef, value: &str) -> String {
    let given = |name| input.attr(name).and_then(number);
    let least = given("min").unwrap_or(0.0);
    let most = given("max").unwrap_or(100.0).max(least);
    let middle = least + (most - least) / 2.0;
    let wanted = number(value).unwrap_or(middle).clamp(least, most);
    let is_free = input
        .attr("step")
        .is_some_and(|step| step.eq_ignore_ascii_case("any"));
    let step = given("step").filter(|step| *step > 0.0).unwrap_or(1.0);
    let base = given("min").or_else(|| given("value")).unwrap_or(0.0);
    let steps = (wanted - base) / step;
    if is_free || (steps - steps.round()).abs() * PARTS_OF_ONE < 1.0 {
        return wanted.to_string();
    }
    // Of two that are as near it is the greater one.
    let nearest = base + (steps + 0.5).floor() * step;
    let inside = [nearest, nearest - step, nearest + step]
        .into_iter()
        .find(|place| (least..=most).contains(place))
        .unwrap_or(wanted);
    ((inside * PARTS_OF_ONE).round() / PARTS_OF_ONE).to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use scraper::Html;

    use super::*;

    #[rstest]
    #[case("number", "12.5", "12.5")]
    #[case("number", "-.5e+2", "-.5e+2")]
    #[case("number", "1,50", "")]
    #[case("number", "+1", "")]
    #[case("number", "1.", "")]
    #[case("number", " 1", "")]
    #[case("number", "1e999", "")]
    #[case("number", ".", "")]
    #[case("number", "NaN", "")]
    #[case("date", "2026-01-20", "2026-01-20")]
    #[case("date", "2024-02-29", "2024-02-29")]
    #[case("date", "2026-02-29", "")]
    #[case("date", "20/01/2026", "")]
    #[case("date", "2026-1-20", "")]
    #[case("month", "2026-01", "2026-01")]
    #[case("month", "2026-13", "")]
    #[case("week", "2026-W53", "2026-W53")]
    #[case("week", "2025-W53", "")]
    #[case("time", "09:05", "09:05")]
    #[case("time", "09:05:00.120", "09:05:00.120")]
    #[case("time", "24:00", "")]
    #[case("time", "9:05", "")]
    #[case("datetime-local", "2026-01-20 10:00", "2026-01-20T10:00")]
    #[case("datetime-local", "2026-01-20T10:00:00.00", "2026-01-20T10:00")]
    #[case("datetime-local", "2026-01-20T10:00:05.50", "2026-01-20T10:00:05.5")]
    #[case("datetime-local", "2026-01-20T10:00Z", "")]
    #[case("color", "#00FF7f", "#00ff7f")]
    #[case("color", "red", "#000000")]
    #[case("color", "", "#000000")]
    #[case("range", "", "50")]
    #[case("range", "500", "100")]
    #[case("range", "-1", "0")]
    #[case("range", "7.5", "8")]
    #[case("range min=0 max=5", "", "3")]
    #[case("range min=10 max=5", "", "10")]
    #[case("range min=1 step=2 max=10", "10", "9")]
    #[case("range step=any", "7.25", "7.25")]
    #[case("range step=.1", "0.3", "0.3")]
    #[case("range step=.1", "0.34", "0.3")]
    #[case("range value=2.5", "2.5", "2.5")]
    #[case("email", " a@x.example\n", "a@x.example")]
    #[case(
        "email multiple",
        " a@x.example , b@x.example",
        "a@x.example,b@x.example"
    )]
    #[case("url", " https://x.example/\r\na ", "https://x.example/a")]
    #[case("text", " a\r\nb ", " ab ")]
    #[case("tel", "1\n2", "12")]
    #[case("hidden", "a\nb", "a\nb")]
    fn a_field_holds_what_its_kind_can(
        #[case] field: &str,
        #[case] value: &str,
        #[case] expected: &str,
    ) {
        let html = Html::parse_fragment(&format!("<input type={field}>"));
        let input = html.root_element().child_elements().next().unwrap();
        let kind = field.split(' ').next().unwrap();

        assert_eq!(sanitized(kind, &input, value), expected);
    }

    #[rstest]
    #[case("text", "3", "abc", "abc")]
    #[case("text", "3", "abcd", "abc")]
    #[case("password", " +3x", "abcd", "abc")]
    #[case("textarea", "3", "ab\u{1f600}", "ab")]
    #[case("textarea", "4", "ab\u{1f600}d", "ab\u{1f600}")]
    #[case("text", "0", "a", "")]
    #[case("text", "-1", "abcd", "abcd")]
    #[case("text", "", "abcd", "abcd")]
    #[case("number", "1", "12", "12")]
    fn what_is_typed_is_cut_where_the_field_ends(
        #[case] kind: &str,
        #[case] limit: &str,
        #[case] typed: &str,
        #[case] expected: &str,
    ) {
        let html = Html::parse_fragment(&format!("<input maxlength='{limit}'>"));
        let input = html.root_element().child_elements().next().unwrap();

        assert_eq!(cut(kind, &input, typed), expected);
    }
}
