//! Reads values out of the texts of a page.

mod date;
mod number;

pub(crate) use date::date;
pub(crate) use number::number;

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
    use super::*;

    #[test]
    fn white_space_is_one_space_and_none_around() {
        let parts = ["\n  Amount\u{a0}\u{a0}due", "\t: ", " ", "12\u{202f}kr\n"];

        assert_eq!(normalize(parts.into_iter()), "Amount due : 12 kr");
    }
}
