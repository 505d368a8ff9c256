//! Reads values out of the texts of a page.

mod boolean;
mod currency;
mod date;
mod multiplier;
mod number;

pub(crate) use boolean::boolean;
pub(crate) use date::date;
pub(crate) use number::{SEAM, number};

/// The text with each run of white space, no-break spaces included, as one space, and none around it.
pub(crate) fn normalize<'text>(parts: impl Iterator<Item = &'text str>) -> String {
    let mut normal = String::new();
    for part in parts {
        for letter in part.chars() {
            if !letter.is_whitespace() {
                normal.push(letter);
            } else if !normal.is_empty() && !normal.ends_with(' ') {
                normal.push(' ');
            }
        }
    }
    normal.truncate(normal.trim_end().len());
    normal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read_or_not(text in "[0-9.,' \u{a0}()−$kr-]{0,24}|\\PC{0,40}") {
            number(&text, None);
            date(&text, None, Some("en"));
        }

        #[test]
        fn prices_are_read_however_they_are_written(whole in 0..10_000_000_u32, cents in 0..100_u32) {
            let digits = whole.to_string();
            let mut grouped = String::new();
            for (position, digit) in digits.chars().enumerate() {
                if position > 0 && (digits.len() - position).is_multiple_of(3) {
                    grouped.push('~');
                }
                grouped.push(digit);
            }
            let expected: f64 = format!("{whole}.{cents:02}").parse().unwrap();
            for (grouping, point) in [(",", "."), (".", ","), (" ", ","), ("\u{a0}", ","), ("'", "."), ("", ".")] {
                let written = format!("NOK {}{point}{cents:02}", grouped.replace('~', grouping));
                prop_assert_eq!(number(&written, None).and_then(|value| value.as_f64()), Some(expected), "{}", written);
            }
        }
    }

    #[test]
    fn white_space_is_one_space_and_none_around() {
        let parts = ["\n  Amount\u{a0}\u{a0}due", "\t: ", " ", "12\u{202f}kr\n"];

        assert_eq!(normalize(parts.into_iter()), "Amount due : 12 kr");
    }
}
