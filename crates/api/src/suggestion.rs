//! What a caller may have meant by a name that is not known.

/// The known name that is nearest to `given`, where one is near enough to be a slip.
pub(crate) fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer texts are no slips of the names here, and would cost time.
    if given.len() > 64 {
        return None;
    }
    let most = (given.chars().count() / 3).clamp(1, 3);
    known
        .map(|name| (distance(given, name), name))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}

/// How many characters are to be put in, left out or exchanged.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, character) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in to.iter().enumerate() {
            let exchanged = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = exchanged.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_known_and_another_word_is_not() {
        let known = ["output_schema", "input_schema", "name"];

        let meant = |given| nearest(given, known.into_iter());

        assert_eq!(meant("output_shema"), Some("output_schema"));
        assert_eq!(meant("nam"), Some("name"));
        assert_eq!(meant("color"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant(&"x".repeat(1000)), None);
    }
}
