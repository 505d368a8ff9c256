//! JSON inside a page: JSON-LD, data of a script, an attribute.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;
use windlass_playbook::JsonPlace;

use crate::look::{Unlookable, Visits};

/// How many beginnings of an object or list are tried in one text.
const MAX_BEGINNINGS: usize = 100;

/// How many times the length of a text is read in search of its JSON, at most: a beginning that leads
/// nowhere may do so only at the end of the text.
const MAX_READINGS: usize = 4;

/// How deep an object of a type is looked for.
const MAX_DEPTH: usize = 16;

/// What stands at a place in the first JSON of the text that has the place, as it is written there: all
/// of a page's JSON takes a hundred times its length as values. A text may have other things around its
/// JSON, as a script does: `window.data = {…};`.
///
/// # Errors
/// Too much was read in search of it.
pub(super) fn at<'text>(
    text: &'text str,
    place: &JsonPlace,
    visits: &mut Visits,
) -> Result<Option<&'text str>, Unlookable> {
    let mut read = 0;
    let found = search(text, place, &mut read);
    visits.read_bytes(read)?;
    Ok(found.map(RawValue::get))
}

/// As [`at`]; counts the bytes that it has read in vain.
fn search<'text>(text: &'text str, place: &JsonPlace, read: &mut usize) -> Option<&'text RawValue> {
    let mut rest = text;
    for _ in 0..MAX_BEGINNINGS {
        if *read >= text.len() * MAX_READINGS {
            return None;
        }
        rest = &rest[rest.find(['{', '['])?..];
        let mut values = Deserializer::from_str(rest).into_iter::<&RawValue>();
        match values.next() {
            Some(Ok(value)) => {
                if let Some(found) = inside(value, place) {
                    return Some(found);
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

fn inside<'json>(value: &'json RawValue, place: &JsonPlace) -> Option<&'json RawValue> {
    let value = match &place.of_type {
        None => value,
        Some(wanted) => of_type(value, wanted, 0)?,
    };
    // The first is what stands before the first slash: nothing.
    let mut names = place.pointer.split('/').skip(1);
    names.try_fold(value, |value, name| {
        let name = name.replace("~1", "/").replace("~0", "~");
        visited(value, Member(&name)).flatten()
    })
}

/// The first object of a `@type`, in the order of the text.
fn of_type<'json>(value: &'json RawValue, wanted: &str, depth: usize) -> Option<&'json RawValue> {
    if depth > MAX_DEPTH {
        return None;
    }
    let Inner { names, within } = visited(value, InnerOf)?;
    match names.iter().any(|name| name == wanted) {
        true => Some(value),
        false => (within.into_iter()).find_map(|inner| of_type(inner, wanted, depth + 1)),
    }
}

/// What a visitor makes of an object or list; None of anything else.
fn visited<'json, V: Visitor<'json>>(value: &'json RawValue, visitor: V) -> Option<V::Value> {
    let mut deserializer = Deserializer::from_str(value.get());
    deserializer.deserialize_any(visitor).ok()
}

/// Takes the field of this name, or the item of this number.
struct Member<'name>(&'name str);

impl<'json> Visitor<'json> for Member<'_> {
    type Value = Option<&'json RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'json>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = fields.next_key::<String>()? {
            match name == self.0 {
                true => found = Some(fields.next_value()?),
                false => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'json>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let is_number = self.0 == "0" || !self.0.starts_with(['0', '+']);
        let number = self.0.parse::<usize>().ok().filter(|_| is_number);
        let (mut found, mut place) = (None, 0);
        while let Some(item) = items.next_element()? {
            if Some(place) == number {
                found = Some(item);
            }
            place += 1;
        }
        Ok(found)
    }
}

/// What `@type` says of an object, and the objects and lists in it.
struct Inner<'json> {
    names: Vec<String>,
    within: Vec<&'json RawValue>,
}

struct InnerOf;

impl<'json> Visitor<'json> for InnerOf {
    type Value = Inner<'json>;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'json>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut names, mut within) = (Vec::new(), Vec::new());
        while let Some((name, value)) = fields.next_entry::<String, &RawValue>()? {
            if name == "@type" {
                let one = serde_json::from_str(value.get()).map(|name| vec![name]);
                names = one
                    .or_else(|_| serde_json::from_str(value.get()))
                    .unwrap_or_default();
            }
            within.extend(Some(value).filter(|value| holds_others(value)));
        }
        Ok(Inner { names, within })
    }

    fn visit_seq<A: SeqAccess<'json>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut within = Vec::new();
        while let Some(item) = items.next_element::<&RawValue>()? {
            within.extend(Some(item).filter(|item| holds_others(item)));
        }
        let names = Vec::new();
        Ok(Inner { names, within })
    }
}

/// Whether it is an object or a list.
fn holds_others(value: &RawValue) -> bool {
    value.get().starts_with(['{', '['])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn at(text: &str, place: &JsonPlace) -> Option<Value> {
        let found = search(text, place, &mut 0)?;
        Some(serde_json::from_str(found.get()).unwrap())
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
    #[case(r#"{"a/b": 1, "m~n": {"c": 2}, "a": {}}"#, "/m~0n/c", json!(2))]
    #[case(r#"{"a/b": 1, "m~n": {"c": 2}, "a": {}}"#, "/a~1b", json!(1))]
    #[case(r#"{"\u0061": 1, "a": 2, "": {"": 3}}"#, "/a", json!(2))]
    #[case(r#"{"\u0061": 1, "a": 2, "": {"": 3}}"#, "//", json!(3))]
    #[case("[[], [0, { \"a\" : \n [1, 2] }]]", "/1/1/a", json!([1, 2]))]
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
    #[case(r#"{"b": [{"price": 1, "@type": "Offer"}], "a": {"@type": "Offer", "price": 2}}"#)]
    fn an_object_is_found_by_its_type(#[case] text: &str) {
        assert_eq!(at(text, &place("/price", Some("Offer"))), Some(json!(1)));
    }

    #[rstest]
    #[case("")]
    #[case("no json")]
    #[case(r#"{"b": 1}"#)]
    #[case("{{{{[[[[")]
    #[case("[[0], 1]")]
    #[case(r#"{"b": [{"a": 1}], "c": "a"}"#)]
    fn a_text_without_the_place_has_nothing(#[case] text: &str) {
        assert_eq!(at(text, &place("/a", None)), None);
        assert_eq!(at(&text.repeat(10_000), &place("/a", Some("x"))), None);
    }

    #[rstest]
    #[case("/00")]
    #[case("/+0")]
    #[case("/-")]
    #[case("/2")]
    #[case("/0/0")]
    fn an_item_is_named_by_its_number(#[case] pointer: &str) {
        assert_eq!(at("[1, 2]", &place(pointer, None)), None);
    }

    #[rstest]
    #[case("[".repeat(99) + &"1, ".repeat(10_000))]
    #[case("[\n".repeat(99) + &"1,\n".repeat(10_000))]
    #[case("[".repeat(99) + &"1, ".repeat(10_000) + "}")]
    fn a_text_whose_beginnings_lead_to_no_end_is_not_read_for_each_of_them(#[case] text: String) {
        let mut read = 0;

        assert!(search(&text, &place("/a", None), &mut read).is_none());

        assert!(
            read <= text.len() * (MAX_READINGS + 1),
            "{read} bytes of {}",
            text.len()
        );
    }
}
