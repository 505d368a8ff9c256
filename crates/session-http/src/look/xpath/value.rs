//! What an expression gives. Source: XML Path Language 1.0, 3.1 and 4.

use ego_tree::NodeId;

/// A node of a page: an element, a text, a comment or the document; or an attribute, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Node(NodeId),
    Attribute(NodeId, usize),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Nodes(Vec<Place>),
    Text(String),
    Number(f64),
    Truth(bool),
}

/// The number that a text is (4.4).
pub(super) fn number_of(text: &str) -> f64 {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty()
        && digits
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter == '.');
    match is_number {
        true => text.parse().unwrap_or(f64::NAN),
        false => f64::NAN,
    }
}

/// The text that a number is (4.2).
pub(super) fn text_of(number: f64) -> String {
    match number {
        number if number.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        // Minus zero is zero.
        0.0 => "0".to_owned(),
        number => number.to_string(),
    }
}
