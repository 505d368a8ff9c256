//! Reads JSON as strictly as callers rely on: no key twice, bounded depth, no lone surrogates.

use std::cell::Cell;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use windlass_application::shortened;

/// How deep objects and arrays may nest. Source: docs/api.md, "Bodies".
const MAX_DEPTH: usize = 64;

/// Why bytes are no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotJson {
    /// There is nothing.
    #[error("The body is empty; the call needs a JSON object.")]
    Empty,
    /// The bytes end early or go wrong here.
    #[error("The body is not valid JSON: it goes wrong at line {line}, column {column}.")]
    Malformed {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A number is beyond what a double holds, which readers understand differently.
    #[error("The body has a number that is too large, at line {line}, column {column}.")]
    NumberTooLarge {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// An object has a key twice, which readers understand differently.
    #[error("The body has the key `{key}` twice in one object.", key = shortened(key))]
    KeyTwice {
        /// The key.
        key: String,
    },
    /// Too deep.
    #[error("The body nests deeper than {MAX_DEPTH} levels.")]
    TooDeep,
}

/// The value that these bytes are.
///
/// # Errors
/// [`NotJson`] says why they are none.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, NotJson> {
    if bytes.trim_ascii().is_empty() {
        return Err(NotJson::Empty);
    }
    let defect = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = Strict {
        levels_left: MAX_DEPTH,
        defect: &defect,
    };
    let read = seed
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let is_number = || error.to_string().starts_with("number out of range");
        match defect.take() {
            Some(defect) => defect,
            None if is_number() => NotJson::NumberTooLarge { line, column },
            None => NotJson::Malformed { line, column },
        }
    })
}

/// The object that these bytes are, with the items of its list `name` as the texts that they are: of them it
/// is known that they are JSON, and no more.
///
/// # Errors
/// As [`read`]; not for what is wrong inside an item.
pub(crate) fn read_apart(bytes: &[u8], name: &str) -> Result<Value, NotJson> {
    let Ok(members) = serde_json::from_slice::<Members<'_>>(bytes) else {
        // It says what is wrong.
        return read(bytes);
    };
    let mut object = Map::new();
    for (key, value) in members.0 {
        if object.contains_key(&key) {
            return Err(NotJson::KeyTwice { key });
        }
        let items = (key == name).then(|| serde_json::from_str::<Vec<&RawValue>>(value.get()).ok());
        let value = match items.flatten() {
            Some(items) => items.iter().map(|item| item.get()).collect(),
            None => read(value.get().as_bytes())?,
        };
        object.insert(key, value);
    }
    Ok(Value::Object(object))
}

/// The members of an object, in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    members.push(entry);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Reads one value; leaves behind what is wrong beyond JSON's own grammar.
#[derive(Clone, Copy)]
struct Strict<'a> {
    levels_left: usize,
    defect: &'a Cell<Option<NotJson>>,
}

impl Strict<'_> {
    fn inner<E: Error>(self) -> Result<Self, E> {
        match self.levels_left.checked_sub(1) {
            Some(levels_left) => Ok(Self {
                levels_left,
                ..self
            }),
            None => Err(self.refuse(NotJson::TooDeep)),
        }
    }

    fn refuse<E: Error>(self, defect: NotJson) -> E {
        let error = E::custom(&defect);
        self.defect.set(Some(defect));
        error
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number without end"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if members.contains_key(&key) {
                return Err(self.refuse(NotJson::KeyTwice { key }));
            }
            let value = entries.next_value_seed(inner)?;
            members.insert(key, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_json_is_read_as_it_is() {
        let text = r#" {"a": [1, -2, 2.5, true, null, "é\ud83d\ude00"], "$serde_json::private::RawValue": {}} "#;

        assert_eq!(
            read(text.as_bytes()),
            Ok(json!({"a": [1, -2, 2.5, true, null, "é😀"], "$serde_json::private::RawValue": {}}))
        );
    }

    #[test]
    fn the_items_of_a_list_are_left_as_they_are_and_the_rest_is_read() {
        let apart = |text: &str| read_apart(text.as_bytes(), "list");
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);

        let text = format!(r#"{{"list": [{{"a": 1, "a": 2}}, "\ud800", 1e999 , {deep}], "b": 1}}"#);
        let items = json!([r#"{"a": 1, "a": 2}"#, r#""\ud800""#, "1e999", deep]);
        assert_eq!(apart(&text), Ok(json!({"list": items, "b": 1})));
        assert_eq!(apart(r#"{"list": "x"}"#), Ok(json!({"list": "x"})));
        assert_eq!(apart("7"), Ok(json!(7)));
        let twice = |key: &str| NotJson::KeyTwice {
            key: key.to_owned(),
        };
        assert_eq!(apart(r#"{"list": [], "list": []}"#), Err(twice("list")));
        assert_eq!(apart(r#"{"b": {"c": 1, "c": 1}}"#), Err(twice("c")));
        for text in [
            r#"{"list": [{]}"#,
            r#"{"list": [}"#,
            "{\"list\": [\"\u{0}\"]}",
        ] {
            assert!(
                matches!(apart(text), Err(NotJson::Malformed { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn a_key_twice_is_named_at_any_depth() {
        assert_eq!(
            read(br#"{"a": [{"b": 1, "c": 2, "\u0062": 3}]}"#),
            Err(NotJson::KeyTwice {
                key: "b".to_owned()
            })
        );
    }

    #[test]
    fn sixty_four_levels_are_read_and_no_more() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));

        assert!(read(nested(64).as_bytes()).is_ok());
        assert_eq!(read(nested(65).as_bytes()), Err(NotJson::TooDeep));
        assert_eq!(read("[".repeat(100_000).as_bytes()), Err(NotJson::TooDeep));
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        assert_eq!(read(b" "), Err(NotJson::Empty));
        for bytes in [
            &b"{"[..],
            b"{\"a\": }",
            b"{} {}",
            b"NaN",
            br#""\ud800""#,
            b"\"\xff\"",
            b"\"\x00\"",
        ] {
            assert!(
                matches!(read(bytes), Err(NotJson::Malformed { .. })),
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
        assert_eq!(
            read(b"{\n \"a\": -1e999}"),
            Err(NotJson::NumberTooLarge {
                line: 2,
                column: 12
            })
        );
        assert_eq!(
            read(b"{\n \"a\": x}"),
            Err(NotJson::Malformed { line: 2, column: 7 })
        );
    }
}
