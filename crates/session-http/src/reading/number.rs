//! Numbers as people write them.

use serde_json::{Number, Value};
use windlass_playbook::Decimal;

use super::currency::{is_currency, is_name};
use super::multiplier::is_multiplied;

/// Stands in a text where a number ends though the line goes on: between `12` and its raised `50`.
pub(crate) const SEAM: char = '\u{1f}';

/// How many digits a binary number of 64 bits has in any case.
const DIGITS_OF_BINARY: usize = 15;

/// What makes a number negative: minus and hyphen, those that word processors write, and the wide one of
/// East Asian texts.
const MINUSES: [char; 6] = ['-', '−', '–', '\u{2010}', '\u{2011}', '－'];

/// Parentheses, and the wide ones of East Asian texts.
const OPENING: [char; 2] = ['(', '（'];
const CLOSING: [char; 2] = [')', '）'];

/// The one number in a text: `1,249.50`, `1 249,50 kr`, `₹12,34,567`, `$12`, `−3`, `(4.20)`, `$.50`.
///
/// The decimal separator is the given one. Without one: of two kinds of separators the last is the
/// decimal one. A separator that stands alone is a decimal one, unless exactly three digits follow and
/// one to three digits, the first no zero, stand before it: `1,249` and `1.249` are 1249, since prices
/// have no thousandths. A minus makes it negative, a dash between the number and a word does not; what
/// parentheses do says [`in_parentheses`].
///
/// What cannot be read surely is none: two numbers, also where they look like groups of one behind a word
/// (`CO2 150`), or one across a line or a [`SEAM`]; a sign in a line of its own; a fraction (`1½`); what
/// is multiplied (`1.2k`); more digits than a JSON number keeps.
pub(crate) fn number(text: &str, decimal: Option<Decimal>) -> Option<Value> {
    if has_other_digits(text) {
        return None;
    }
    let first = text.find(|letter: char| letter.is_ascii_digit())?;
    let (before, from_first) = text.split_at(with_separator(text, first));
    let last = from_first.rfind(|letter: char| letter.is_ascii_digit())?;
    let (written, after) = from_first.split_at(last + 1);
    let plain = plain(written, decimal)?;
    let (before, after) = (before.replace(SEAM, ""), after.replace(SEAM, ""));
    let is_spaced = written.contains(char::is_whitespace);
    if is_multiplied(&before, &after) || (is_spaced && ends_in_word(&before)) {
        return None;
    }
    exact(&plain, is_negative(&before, &after)?)
}

/// Whether there are digits that are not read here: `½`, `²`, those of other scripts. Behind a letter
/// they are of a unit: `m²`.
fn has_other_digits(text: &str) -> bool {
    let mut before = ' ';
    text.chars().any(|letter| {
        let of_unit = std::mem::replace(&mut before, letter).is_alphabetic();
        letter.is_numeric() && !letter.is_ascii_digit() && !of_unit
    })
}

/// Where a number begins whose first digit stands at `first`: at a separator before it, `.50`, unless
/// that ends an abbreviation, `Rs.500`, or is one of several that lead to the number.
fn with_separator(text: &str, first: usize) -> usize {
    let head = text[..first].strip_suffix(['.', ',']);
    let is_its_own = |head: &str| {
        let before = head.chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '.' | ','))
    };
    head.filter(|head| is_its_own(head)).map_or(first, str::len)
}

/// Whether the digits behind this belong to a word: `CO` and `2`, `Covid-` and `19`, but not `kr` and `1`.
fn ends_in_word(before: &str) -> bool {
    let without_dash = before.trim_end_matches(MINUSES);
    let word = before.rsplit(|letter: char| !letter.is_alphabetic()).next();
    without_dash.ends_with(char::is_alphabetic) && !word.is_some_and(is_name)
}

/// The number, if JSON keeps all its digits.
fn exact(plain: &str, negative: bool) -> Option<Value> {
    let number: f64 = plain.parse().ok().filter(|number| keeps(*number, plain))?;
    let negative = negative && number > 0.0;
    match plain.parse::<i64>() {
        Ok(whole) => Some(Value::from(if negative { -whole } else { whole })),
        Err(_) => Number::from_f64(if negative { -number } else { number }).map(Value::Number),
    }
}

/// Whether a binary number of 64 bits, which is what others read in JSON (RFC 8259, section 6), has all
/// digits of a text.
fn keeps(number: f64, plain: &str) -> bool {
    // So many it always has.
    if plain.len() <= DIGITS_OF_BINARY {
        return true;
    }
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    match fraction.trim_end_matches('0') {
        "" => number.to_string() == whole,
        fraction => number.to_string() == format!("{whole}.{fraction}"),
    }
}

/// Whether a number with this around it is negative; None where its sign may stand in another line.
fn is_negative(before: &str, after: &str) -> Option<bool> {
    let (above, before) = before.rsplit_once('\n').unwrap_or(("", before));
    let (after, below) = after.split_once('\n').unwrap_or((after, ""));
    let beside = [above.lines().next_back(), below.lines().next()];
    if beside.into_iter().flatten().any(is_sign) {
        return None;
    }
    if is_minus(before) || ends_in_minus(after) {
        return Some(true);
    }
    in_parentheses(before, after)
}

/// Whether a line is nothing but the sign of a number, or one half of it.
fn is_sign(line: &str) -> bool {
    line.contains(|letter| {
        MINUSES.contains(&letter) || OPENING.contains(&letter) || CLOSING.contains(&letter)
    }) && !line.contains(char::is_alphanumeric)
}

/// Whether the text before a number ends in a minus that is a sign: `-$` or `- kr`, but not `A-` nor
/// `Total - $`.
fn is_minus(before: &str) -> bool {
    let Some((head, tail)) = before.rsplit_once(MINUSES) else {
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

/// Whether the parentheses around a number make it negative, as those of accounts do: `(12)`, `$(12)`,
/// `(12 kr)`, where they and a currency are all that there is. Beside words they do not, as in
/// `Messages (12)` and `Inbox (12 unread)`. None where they may: `(20 %)`, `Balance ($12)`, `(12`.
fn in_parentheses(before: &str, after: &str) -> Option<bool> {
    let opened = before.rsplit_once(OPENING);
    let Some((head, unit)) = opened.filter(|(_, unit)| !unit.contains(CLOSING)) else {
        return Some(false);
    };
    let (unit_behind, tail) = after.split_once(CLOSING)?;
    let is_bare = unit.trim().is_empty() && unit_behind.trim().is_empty();
    let is_amount = is_currency(unit) && is_currency(unit_behind);
    if is_currency(head) && is_currency(tail) {
        return is_amount.then_some(true);
    }
    let has = |what: &dyn Fn(char) -> bool| head.contains(what) || tail.contains(what);
    let has_others = has(&|letter| OPENING.contains(&letter) || CLOSING.contains(&letter));
    let is_beside_words = has(&char::is_alphabetic) && !has_others;
    (is_beside_words && (is_bare || !is_amount)).then_some(false)
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
    let whole = groups.concat();
    let zero = if whole.is_empty() { "0" } else { "" };
    Some(format!("{zero}{whole}{separator}{fraction}"))
}

/// Whether digits stand in groups of three, or as in India in groups of two before a last one of three.
fn are_groups(first: &str, others: &[&str]) -> bool {
    let Some((last, middle)) = others.split_last() else {
        return false;
    };
    let of = |size: usize| {
        (1..=size).contains(&first.len())
            && !first.starts_with('0')
            && middle.iter().all(|group| group.len() == size)
    };
    last.len() == 3 && (of(3) || of(2))
}

fn is_grouping(letter: char) -> bool {
    matches!(letter, '.' | ',' | '\'' | '’') || (letter.is_whitespace() && letter != '\n')
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
    let begins_groups = (1..=3).contains(&whole.len()) && !whole.starts_with('0');
    let groups_thousands = fraction.len() == 3 && begins_groups && !spaced;
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
    #[case("\u{2011}12", json!(-12))]
    #[case("- kr 12", json!(-12))]
    #[case("(12.50)", json!(-12.5))]
    #[case("(1,234.50)", json!(-1234.5))]
    #[case("$(12)", json!(-12))]
    #[case("(12) €", json!(-12))]
    #[case("(12,50 kr)", json!(-12.5))]
    #[case("(USD 12)", json!(-12))]
    #[case("(12) NOK", json!(-12))]
    #[case("A$ (12.50)", json!(-12.5))]
    #[case("(Rs. 500)", json!(-500))]
    #[case("（1,234円）", json!(-1234))]
    #[case("Net loss\n(12.50)", json!(-12.5))]
    #[case("(-12)", json!(-12))]
    #[case("(−20 %)", json!(-20))]
    #[case("-(12)", json!(-12))]
    #[case("(incl. VAT) 1,249.50 (due)", json!(1249.5))]
    #[case("Total (NOK): 1,249.50", json!(1249.5))]
    #[case("Messages (12)", json!(12))]
    #[case("Inbox (12 unread)", json!(12))]
    #[case("(12) reviews", json!(12))]
    #[case("12)", json!(12))]
    #[case("12-", json!(-12))]
    #[case("12.50-", json!(-12.5))]
    #[case("A-12", json!(12))]
    #[case("R1 234,56", json!(1234.56))]
    #[case("kr1 249", json!(1249))]
    #[case("CO2", json!(2))]
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
    #[case("$.50", json!(0.5))]
    #[case("-.5", json!(-0.5))]
    #[case("Discount: ,50", json!(0.5))]
    #[case(".125", json!(0.125))]
    #[case("Rs.500", json!(500))]
    #[case("Total........50", json!(50))]
    #[case("00.500", json!(0.5))]
    #[case("0.00", json!(0.0))]
    #[case("100\u{a0}200", json!(100200))]
    #[case("Total\n-$12", json!(-12))]
    #[case("-\u{1f}$\u{1f}12", json!(-12))]
    #[case("12\u{1f}st\u{1f}", json!(12))]
    #[case("150 m²", json!(150))]
    #[case("15 kr", json!(15))]
    #[case("9007199254740992", json!(9007199254740992_i64))]
    #[case("0.1000000000000000000000", json!(0.1))]
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
    #[case("12\n345")]
    #[case("12\u{1f}50")]
    #[case("1,234\u{1f}1")]
    #[case("120\u{1f} \u{1f}100")]
    #[case("-\n12")]
    #[case("(\n12\n)")]
    #[case("12.50\n−")]
    #[case("1.2k")]
    #[case("3.5M")]
    #[case("2 million")]
    #[case("1½")]
    #[case("1 ½")]
    #[case("12²")]
    #[case("0,500,000")]
    #[case("9007199254740993")]
    #[case("12345678901234567890123")]
    #[case("0.12345678901234567890")]
    #[case("(12 reviews)")]
    #[case("(20 %)")]
    #[case("(+5)")]
    #[case("((12))")]
    #[case("(12) (due)")]
    #[case("Total (NOK) (1,234)")]
    #[case("Balance: ($12.50)")]
    #[case("(12.50)*")]
    #[case("(1,234")]
    #[case("CO2 150 g/km")]
    #[case("Covid-19 150")]
    fn a_text_without_one_number_has_none(#[case] text: &str) {
        assert_eq!(number(text, None), None);
    }
}
