//! JSON inside a page: JSON-LD, data of a script, an attribute.

use serde_json::{Deserializer, Value};
use windlass_playbook::JsonPlace;

use crate::look::{Unlookable, Visits};

/// How many beginnings of an object or list are tried in one text.
const MAX_BEGINNINGS: usize = 100;

/// How many times the length of a text is read in search of its JSON, at most: a beginning that leads
/// nowhere may do so only at the end of the text.
const MAX_READINGS: usize = 4;

/// How deep an object of a type is looked for.
const MAX_DEPTH: usize = 16;

/// What stands at a place in the first JSON of the text that has the place. A text may have other
/// things around its JSON, as a script does: `window.data = {…};`.
///
/// # Errors
/// Too much was read in search of it.
pub(super) fn at(
    text: &str,
    place: &JsonPlace,
    visits: &mut Visits,
) -> Result<Option<Value>, Unlookable> {
    let mut read = 0;
    let found = search(text, place, &mut read);
    visits.read_bytes(read)?;
    Ok(found)
}

/// As [`at`]; counts the bytes that it has read in vain.
fn search(text: &str, place: &JsonPlace, read: &mut usize) -> Option<Value> {
    let mut rest = text;
    for _ in 0..MAX_BEGINNINGS {
        if *read >= text.len() * MAX_READINGS {
            return None;
        }
        rest = &rest[rest.find(['{', '['])?..];
        let mut values = Deserializer::from_str(rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                if let Some(found) = inside(&value, place) {
                    return Some(found.clone());
                }
                let offset = values.byte_offset();
                *read += offset;
                rest = rest.get(offset..)?;
            }
            // A brace of the script's own, such as a function's.
            Some(Err(error)) => {
                *read += read_until(rest, &error);
                rest = &rest[1..];
            }
            None => return None,
        }
    }
    None
}

/// How far a text was read until this error.
fn read_until(text: &str, error: &serde_json::Error) -> usize {
    let before = text.split_inclusive('\n').take(error.line() - 1);
    before.map(str::len).sum::<usize>() + error.column()
}

fn inside<'json>(value: &'json Value, place: &JsonPlace) -> Option<&'json Value> {
    match &place.of_type {
        None => value.pointer(&place.pointer),
        Some(wanted) => of_type(value, wanted, 0)?.pointer(&place.pointer),
    }
}

/// The first object of a `@type`, in the order of the text.
fn of_type<'json>(value: &'json Value, wanted: &str, depth: usize) -> Option<&'json Value> {
    if depth > MAX_DEPTH {
        return None;
    }
    let is_wanted = match value.get("@type") {
        Some(Value::String(name)) => name == wanted,
        Some(Value::Array(names)) => names.iter().any(|name| name == wanted),
        _ => false,
    };
    if is_wanted {
        return Some(value);
    }
    match value {
        Value::Object(fields) => fields
            .values()
            .find_map(|field| of_type(field, wanted, depth + 1)),
        Value::Array(items) => items
            .iter()
            .find_map(|item| of_type(item, wanted, depth + 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn at(text: &str, place: &JsonPlace) -> Option<Value> {
        search(text, place, &mut 0)
    }

    fn place(pointer: &str, of_type: Option<&str>) -> JsonPlace {
        JsonPlace {
            pointer: pointer.to_owned(),
            of_type: of_type.map(str::to_owned),
        }
    }

    #[rstest]
    #[case(r#"{"a": {"b": [1, 2]}}"#, "/a/b/1", json!(2))]
    #[case(r#"window.x = {"a": 1};"#, "/a", json!(1))]
    #[case(r#"(function () { var l = [1]; window.x = {"a": null, "b": 2}; })()"#, "/b", json!(2))]
    #[case(" [1] ", "", json!([1]))]
    fn a_place_is_found_in_a_text(
        #[case] text: &str,
        #[case] pointer: &str,
        #[case] expected: Value,
    ) {
        assert_eq!(at(text, &place(pointer, None)), Some(expected));
    }

    #[rstest]
    #[case(r#"{"@type": "Offer", "price": 1}"#)]
    #[case(r#"{"@graph": [{"@type": "Person"}, {"@type": ["Thing", "Offer"], "price": 1}]}"#)]
    #[case(r#"[{"@type": "Product", "offers": {"@type": "Offer", "price": 1}}]"#)]
    fn an_object_is_found_by_its_type(#[case] text: &str) {
        assert_eq!(at(text, &place("/price", Some("Offer"))), Some(json!(1)));
    }

    #[rstest]
    #[case("")]
    #[case("no json")]
    #[case(r#"{"b": 1}"#)]
    #[case("{{{{[[[[")]
    fn a_text_without_the_place_has_nothing(#[case] text: &str) {
        assert_eq!(at(text, &place("/a", None)), None);
        assert_eq!(at(&text.repeat(10_000), &place("/a", Some("x"))), None);
    }

    #[rstest]
    #[case("[".repeat(99) + &"1, ".repeat(10_000))]
    #[case("[\n".repeat(99) + &"1,\n".repeat(10_000))]
    #[case("[".repeat(99) + &"1, ".repeat(10_000) + "}")]
    fn a_text_whose_beginnings_lead_to_no_end_is_not_read_for_each_of_them(#[case] text: String) {
        let mut read = 0;

        assert_eq!(search(&text, &place("/a", None), &mut read), None);

        assert!(
            read <= text.len() * (MAX_READINGS + 1),
            "{read} bytes of {}",
            text.len()
        );
    }
}
