//! Words and letters behind a number that multiply it: `1.2k`, `3.5 M`, `2 millions`. What they multiply
//! by depends on language and country (a billion has nine zeros or twelve), so that nothing is
//! multiplied here; such a text has no plain number.

use super::currency::is_symbol;

/// Beginnings of words, in small letters.
const BEGINNINGS: [&str; 20] = [
    "bilh", "billi", "billó", "crore", "duizend", "lakh", "milh", "miliard", "milion", "miljard",
    "miljo", "milliard", "million", "millon", "millón", "milyar", "milyon", "tausend", "thousand",
    "trilli",
];

/// Whole words, in small letters.
const WORDS: [&str; 26] = [
    "bln", "bn", "lac", "lacs", "md", "mia", "mil", "mila", "mill", "mille", "mio", "mkr", "mld",
    "mln", "mn", "mrd", "tkr", "tn", "trn", "tsd", "tusen", "tys", "tysięcy", "млн", "млрд", "тыс",
];

/// What multiplies directly behind the digits.
const EAST_ASIAN: [char; 10] = ['万', '萬', '億', '亿', '兆', '千', '만', '억', '조', '천'];

/// Whether what stands around a number multiplies it. Units are no multipliers: `kr`, `m`, `kg`, `MWh`.
pub(super) fn is_multiplied(before: &str, after: &str) -> bool {
    if after.starts_with(EAST_ASIAN) {
        return true;
    }
    let is_direct = !after.starts_with(char::is_whitespace);
    // A dash leads to a word (`3-million`), or from number to letter (`3-B`).
    let is_dashed = after.trim_start().starts_with('-');
    let between = |letter: char| letter.is_whitespace() || letter == '-' || is_symbol(letter);
    let behind = after.trim_start_matches(between);
    let end = behind.find(|letter: char| !letter.is_alphabetic());
    let (word, rest) = behind.split_at(end.unwrap_or(behind.len()));
    let is_money = || before.trim_end().ends_with(is_symbol) || rest.starts_with(is_symbol);
    match word {
        "" => false,
        // Else `150 M²`.
        "k" | "K" | "M" => !is_dashed && !rest.starts_with(char::is_numeric),
        // Else bytes and tons.
        "B" | "T" => (is_direct && !is_dashed) || is_money(),
        "m" | "b" | "t" | "mm" | "MM" | "Cr" | "cr" | "L" => is_money(),
        _ => {
            let lower = word.to_lowercase();
            WORDS.contains(&lower.as_str())
                || BEGINNINGS
                    .iter()
                    .any(|beginning| lower.starts_with(beginning))
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "k", true)]
    #[case("", "K+", true)]
    #[case("", "k/yr", true)]
    #[case("$", "M", true)]
    #[case("", " M de vues", true)]
    #[case("", "B", true)]
    #[case("$", "m", true)]
    #[case("", " m€", true)]
    #[case("", " k€", true)]
    #[case("", " € Mio.", true)]
    #[case("", " Mio. €", true)]
    #[case("", " million", true)]
    #[case("", "-million", true)]
    #[case("", " Milliarden", true)]
    #[case("", " mill. kr", true)]
    #[case("₹", " Cr", true)]
    #[case("₹", " lakhs", true)]
    #[case("", "万円", true)]
    #[case("", "", false)]
    #[case("", " kr", false)]
    #[case("", "kr", false)]
    #[case("", "m", false)]
    #[case("", " m²", false)]
    #[case("", "kg", false)]
    #[case("", " km", false)]
    #[case("", " kWh", false)]
    #[case("", " M²", false)]
    #[case("", " MB", false)]
    #[case("", " B", false)]
    #[case("", "-B", false)]
    #[case("", " - Meter", false)]
    #[case("", " € monthly", false)]
    #[case("", " minutes", false)]
    #[case("", " Cr", false)]
    #[case("", " Meter", false)]
    #[case("", " %", false)]
    fn units_are_no_multipliers(#[case] before: &str, #[case] after: &str, #[case] expected: bool) {
        assert_eq!(is_multiplied(before, after), expected);
    }
}
