//! Numbers as people write them.

use serde_json::{Number, Value};
use windlass_playbook::Decimal;

/// The one number in a text: `1,249.50`, `1 249,50 kr`, `₹12,34,567`, `$12`, `−3`, `(4.20)`.
///
/// The decimal separator is the given one. Without one: of two kinds of separators the last is the decimal one. A separator that stands alone is a decimal
/// one, unless exactly three digits follow and one to three digits other than a lone zero stand before
/// it: `1,249` and `1.249` are 1249, since prices have no thousandths. A minus, or parentheses around
/// all of it, make it negative; a dash between the number and a word does not. A text with two numbers has
/// no number.
pub(crate) fn number(text: &str, decimal: Option<Decimal>) -> Option<Value> {
    let first = text.find(|letter: char| letter.is_ascii_digit())?;
    let (before, from_first) = text.split_at(first);
    let last = from_first.rfind(|letter: char| letter.is_ascii_digit())?;
    let (written, after) = from_first.split_at(last + 1);
    let plain = plain(written, decimal)?;
    let negative = is_minus(before) || in_parentheses(before, after) || ends_in_minus(after);
    let signed = if negative { format!("-{plain}") } else { plain };
    match signed.parse::<i64>() {
        Ok(whole) => Some(Value::from(whole)),
        Err(_) => Number::from_f64(signed.parse().ok()?).map(Value::Number),
    }
}

/// Whether the text before a number ends in a minus that is a sign: `-$` or `- kr`, but not `A-` nor
/// `Total - $`.
fn is_minus(before: &str) -> bool {
    let Some((head, tail)) = before.rsplit_once(['-', '−', '–']) else {
        return false;
    };
    let is_dash = tail.starts_with(char::is_whitespace) && !head.trim().is_empty();
    !is_dash && !head.ends_with(char::is_alphanumeric) && !tail.contains(['/', ':'])
}

/// Whether the text after a number begins with its minus: `-` or `- kr`, but not `-bed` nor ` - paid`.
fn ends_in_minus(after: &str) -> bool {
    match after.strip_prefix(['-', '−']) {
        Some(behind) => !behind.starts_with(char::is_alphanumeric),
        None => matches!(after.trim(), "-" | "−"),
    }
}

fn in_parentheses(before: &str, after: &str) -> bool {
    before.trim_start().starts_with('(') && after.trim_end().ends_with(')')
}

/// The digits with a point, as `f64` reads them; None where it is no single number.
fn plain(written: &str, decimal: Option<Decimal>) -> Option<String> {
    let decimal = match decimal {
        Some(Decimal::Point) => written.rfind('.'),
        Some(Decimal::Comma) => written.rfind(','),
        None => decimal_separator(written)?,
    };
    let (whole, fraction) = match decimal {
        Some(position) => (&written[..position], &written[position + 1..]),
        None => (written, ""),
    };
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let groups: Vec<&str> = whole.split(is_grouping).collect();
    let (first, others) = groups.split_first()?;
    let digits = |group: &&str| group.bytes().all(|byte| byte.is_ascii_digit());
    if !groups.iter().all(digits) || !(others.is_empty() || are_groups(first, others)) {
        return None;
    }
    let separator = if fraction.is_empty() { "" } else { "." };
    Some(format!("{}{separator}{fraction}", groups.concat()))
}

/// Whether digits stand in groups of three, or as in India in groups of two before a last one of three.
fn are_groups(first: &str, others: &[&str]) -> bool {
    let Some((last, middle)) = others.split_last() else {
        return false;
    };
    let of = |size: usize| {
        (1..=size).contains(&first.len()) && middle.iter().all(|group| group.len() == size)
    };
    last.len() == 3 && (of(3) || of(2))
}

fn is_grouping(letter: char) -> bool {
    matches!(letter, '.' | ',' | '\'' | '’') || letter.is_whitespace()
}

/// Where the decimal separator stands, if there is one; None where there are two.
fn decimal_separator(written: &str) -> Option<Option<usize>> {
    let Some(last) = written.rfind(['.', ',']) else {
        return Some(None);
    };
    let separator = written[last..].chars().next()?;
    let alike = written.matches(separator).count();
    if written.contains(if separator == '.' { ',' } else { '.' }) {
        return (alike == 1).then_some(Some(last));
    }
    let (whole, fraction) = (&written[..last], &written[last + 1..]);
    let spaced = whole.contains(|letter: char| is_grouping(letter) && letter != separator);
    let groups_thousands = fraction.len() == 3 && whole.len() <= 3 && whole != "0" && !spaced;
    Some((alike == 1 && !groups_thousands).then_some(last))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("1,249.50", json!(1249.5))]
    #[case("1.249,50", json!(1249.5))]
    #[case("1 249,50 kr", json!(1249.5))]
    #[case("1\u{a0}249,50 kr", json!(1249.5))]
    #[case("$12", json!(12))]
    #[case("12", json!(12))]
    #[case("12,5", json!(12.5))]
    #[case("0.125", json!(0.125))]
    #[case("1,249", json!(1249))]
    #[case("1.249", json!(1249))]
    #[case("12345.678", json!(12345.678))]
    #[case("1 249.125", json!(1249.125))]
    #[case("1,234,567.89", json!(1234567.89))]
    #[case("1.234.567", json!(1234567))]
    #[case("1'249.50 CHF", json!(1249.5))]
    #[case("-12.50", json!(-12.5))]
    #[case("−12", json!(-12))]
    #[case("-$12", json!(-12))]
    #[case("- kr 12", json!(-12))]
    #[case("(12.50)", json!(-12.5))]
    #[case("12.50-", json!(-12.5))]
    #[case("A-12", json!(12))]
    #[case("Total - $12.50", json!(12.5))]
    #[case("Total -$12.50", json!(-12.5))]
    #[case("Amount due – 45,10 kr", json!(45.1))]
    #[case("100 - overdue", json!(100))]
    #[case("Room 3-bed", json!(3))]
    #[case("Invoice 2026 - paid", json!(2026))]
    #[case("12.50 -", json!(-12.5))]
    #[case("12,50- kr", json!(-12.5))]
    #[case("Amount due: 1 249,50 kr.", json!(1249.5))]
    #[case("007", json!(7))]
    #[case("₹12,34,567.89", json!(1234567.89))]
    #[case("Rs. 1,00,000", json!(100000))]
    #[case("($1,234.56)", json!(-1234.56))]
    #[case("EUR 1\u{202f}234,56", json!(1234.56))]
    #[case("1.234,56-", json!(-1234.56))]
    fn numbers_are_read_as_people_write_them(#[case] text: &str, #[case] expected: Value) {
        assert_eq!(number(text, None), Some(expected));
    }

    #[rstest]
    #[case("1,249", Decimal::Comma, json!(1.249))]
    #[case("1,249", Decimal::Point, json!(1249))]
    #[case("1.249", Decimal::Point, json!(1.249))]
    #[case("1.249", Decimal::Comma, json!(1249))]
    #[case("1.249,5", Decimal::Comma, json!(1249.5))]
    fn a_given_separator_leaves_nothing_open(
        #[case] text: &str,
        #[case] decimal: Decimal,
        #[case] expected: Value,
    ) {
        assert_eq!(number(text, Some(decimal)), Some(expected));
    }

    #[rstest]
    #[case("")]
    #[case("free")]
    #[case("12 of 14")]
    #[case("20 January: 1,249.50")]
    #[case("1,24,9")]
    #[case("123,45,678")]
    #[case("12:30")]
    #[case("1.2.3,4,5")]
    #[case("20.01.2026")]
    fn a_text_without_one_number_has_none(#[case] text: &str) {
        assert_eq!(number(text, None), None);
    }
}
