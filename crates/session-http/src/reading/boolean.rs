//! Yes and no as pages write them.

const YES: [&str; 13] = [
    "yes", "true", "on", "1", "✓", "✔", "☑", "ja", "oui", "sí", "si", "sì", "sim",
];

const NO: [&str; 12] = [
    "no", "false", "off", "0", "✗", "✘", "☐", "nei", "nein", "nej", "non", "nee",
];

/// Whether the text says yes or no; None where it says neither.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    let text = text.trim().to_lowercase();
    if YES.contains(&text.as_str()) {
        return Some(true);
    }
    NO.contains(&text.as_str()).then_some(false)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Yes", Some(true))]
    #[case(" ja ", Some(true))]
    #[case("✓", Some(true))]
    #[case("FALSE", Some(false))]
    #[case("Nein", Some(false))]
    #[case("maybe", None)]
    #[case("", None)]
    fn yes_and_no_are_read(#[case] text: &str, #[case] expected: Option<bool>) {
        assert_eq!(boolean(text), expected);
    }
}
