//! Where schemas stand within a schema of JSON Schema 2020-12, and what a reference refers to.
//!
//! What stands elsewhere (`const`, `enum`, `default`, `examples`, unknown keywords) is data: a
//! `$ref` in it refers to nothing.

use std::collections::HashMap;

use serde_json::Value;

use super::place::Place;

/// What a schema inside another one speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The same value as the schema around it.
    SameValue,
    /// A part of that value.
    PartOfIt,
    /// Nothing by itself: it waits to be referred to.
    Nothing,
}

/// A schema inside another one.
pub(super) struct Inner<'schema> {
    pub(super) schema: &'schema Value,
    pub(super) place: Place<'schema>,
    pub(super) scope: Scope,
}

/// The schemas that `$anchor` and `$dynamicAnchor` name.
pub(super) type Anchors<'schema> = HashMap<&'schema str, (&'schema Value, Place<'schema>)>;

enum Form {
    One,
    List,
    Map,
}

/// `items` was a list and `dependencies` a map of schemas or names in older drafts, which the
/// validity check refuses or which validators still honour: looking into them costs nothing.
const KEYWORDS: [(&str, Form, Scope); 23] = [
    ("$defs", Form::Map, Scope::Nothing),
    ("definitions", Form::Map, Scope::Nothing),
    ("allOf", Form::List, Scope::SameValue),
    ("anyOf", Form::List, Scope::SameValue),
    ("oneOf", Form::List, Scope::SameValue),
    ("not", Form::One, Scope::SameValue),
    ("if", Form::One, Scope::SameValue),
    ("then", Form::One, Scope::SameValue),
    ("else", Form::One, Scope::SameValue),
    ("dependentSchemas", Form::Map, Scope::SameValue),
    ("dependencies", Form::Map, Scope::SameValue),
    ("properties", Form::Map, Scope::PartOfIt),
    ("patternProperties", Form::Map, Scope::PartOfIt),
    ("additionalProperties", Form::One, Scope::PartOfIt),
    ("unevaluatedProperties", Form::One, Scope::PartOfIt),
    ("propertyNames", Form::One, Scope::PartOfIt),
    ("prefixItems", Form::List, Scope::PartOfIt),
    ("items", Form::One, Scope::PartOfIt),
    ("items", Form::List, Scope::PartOfIt),
    ("additionalItems", Form::One, Scope::PartOfIt),
    ("unevaluatedItems", Form::One, Scope::PartOfIt),
    ("contains", Form::One, Scope::PartOfIt),
    ("contentSchema", Form::One, Scope::PartOfIt),
];

/// The keywords whose value is a reference.
pub(super) const REFERENCES: [&str; 2] = ["$ref", "$dynamicRef"];

/// The keywords that name a schema.
pub(super) const ANCHORS: [&str; 2] = ["$anchor", "$dynamicAnchor"];

/// The schemas that stand in `schema`.
pub(super) fn inner<'schema>(
    schema: &'schema Value,
    place: &Place<'schema>,
) -> Vec<Inner<'schema>> {
    let mut found = Vec::new();
    for (keyword, form, scope) in &KEYWORDS {
        let Some(value) = schema.get(keyword) else {
            continue;
        };
        let place = place.member(*keyword);
        let mut push = |schema, place| {
            found.push(Inner {
                schema,
                place,
                scope: *scope,
            });
        };
        match (form, value) {
            (Form::One, Value::Object(_) | Value::Bool(_)) => push(value, place),
            (Form::List, Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    push(item, place.item(index));
                }
            }
            (Form::Map, Value::Object(members)) => {
                for (name, member) in members {
                    push(member, place.member(name.as_str()));
                }
            }
            (Form::One | Form::List | Form::Map, _) => {}
        }
    }
    found
}

/// What the local reference `reference` (`#`, `#/…` or `#name`) refers to.
pub(super) fn resolve<'schema>(
    root: &'schema Value,
    anchors: &Anchors<'schema>,
    reference: &'schema str,
) -> Option<(&'schema Value, Place<'schema>)> {
    let fragment = percent_decoded(reference.strip_prefix('#')?)?;
    if !fragment.is_empty() && !fragment.starts_with('/') {
        return anchors.get(fragment.as_str()).cloned();
    }
    let target = root.pointer(&fragment)?;
    let place = fragment
        .split('/')
        .skip(1)
        .fold(Place::root(), |place, token| {
            place.member(token.replace("~1", "/").replace("~0", "~"))
        });
    Some((target, place))
}

/// A fragment of a URI as text; None where an escape is broken.
fn percent_decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
