//! What tells a JSON value from another one: its digest, which is the same in whatever way it is
//! written.

use serde_json::{Number, Value};
use sha2::{Digest, Sha256};

/// SHA-256 of a value. Members of objects count in the order of their names, numbers as what they are.
pub(super) fn digest(value: &Value) -> [u8; 32] {
    let mut hash = Sha256::new();
    add(&mut hash, value);
    hash.finalize().into()
}

/// Each value with its kind, and with its length where it has one, so that no two values are the
/// same bytes.
pub(super) fn add(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hash.update(b"0"),
        Value::Bool(true) => hash.update(b"t"),
        Value::Bool(false) => hash.update(b"f"),
        Value::Number(number) => {
            hash.update(b"n");
            add_text(hash, &text_of(number));
        }
        Value::String(text) => add_text(hash, text),
        Value::Array(items) => {
            hash.update(b"a");
            hash.update(items.len().to_be_bytes());
            for item in items {
                add(hash, item);
            }
        }
        Value::Object(members) => {
            hash.update(b"o");
            hash.update(members.len().to_be_bytes());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            for (name, member) in members {
                add_text(hash, name);
                add(hash, member);
            }
        }
    }
}

/// A text with its length.
pub(super) fn add_text(hash: &mut Sha256, text: &str) {
    hash.update(b"s");
    hash.update(text.len().to_be_bytes());
    hash.update(text);
}

/// `1` and `1.0` are the same number, and so are `0` and `-0.0`.
fn text_of(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => (float + 0.0).to_string(),
        _ => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parsed(json: &str) -> Value {
        serde_json::from_str(json).expect("JSON")
    }

    #[rstest]
    #[case(r#"{"a": 1, "b": [null]}"#, r#"{"b":[null],"a":1.0}"#)]
    #[case("1249.50", "1249.5")]
    #[case("1e3", "1000")]
    #[case("-0.0", "0")]
    #[case(r#""\u00e5""#, "\"å\"")]
    fn the_same_value_in_other_words_has_the_same_digest(#[case] one: &str, #[case] other: &str) {
        assert_eq!(digest(&parsed(one)), digest(&parsed(other)));
    }

    #[rstest]
    #[case(r#"["a", "b"]"#, r#"["b", "a"]"#)]
    #[case(r#"["ab"]"#, r#"["a", "b"]"#)]
    #[case("\"1\"", "1")]
    #[case("null", "false")]
    #[case(r#"{"a": null}"#, "{}")]
    #[case("9007199254740993", "9007199254740992")]
    fn another_value_has_another_digest(#[case] one: &str, #[case] other: &str) {
        assert_ne!(digest(&parsed(one)), digest(&parsed(other)));
    }
}
