//! What passes, what is refused and where, and what would bring a validator down.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn problems(schema: &Value) -> Vec<(String, String)> {
    check(schema)
        .err()
        .unwrap_or_default()
        .into_iter()
        .map(|problem| (problem.pointer, problem.message))
        .collect()
}

/// The one place that is to blame.
fn refused_at(schema: &Value) -> String {
    let problems = problems(schema);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems[0].0.clone()
}

/// Each of `depth` definitions refers `width` times to the next.
fn ladder(depth: usize, width: usize) -> Value {
    let mut definitions = serde_json::Map::new();
    for level in 0..depth {
        let next = json!({"$ref": format!("#/$defs/{}", level + 1)});
        let rung = json!({"properties": {"x": {"allOf": vec![next; width]}}});
        definitions.insert(level.to_string(), rung);
    }
    definitions.insert(depth.to_string(), json!({"type": "string"}));
    json!({"$ref": "#/$defs/0", "$defs": definitions})
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(json!([]), |inner, _| Value::Array(vec![inner]))
}

#[rstest]
#[case::anything(json!({}))]
#[case::a_boolean(json!(true))]
#[case::a_bill(json!({
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/bill.json",
    "type": "object",
    "required": ["amount"],
    "properties": {
        "amount": {"type": "number"},
        "currency": {"type": "string", "pattern": "^[A-Z]{3}$"},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/line"}},
        "paid": {"$ref": "#flag"}
    },
    "patternProperties": {"^x-": {"type": "string"}},
    "$defs": {"line": {"type": "string"}, "flag": {"$anchor": "flag", "type": "boolean"}}
}))]
#[case::a_tree(json!({
    "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "name": {"type": "string"}}
}))]
#[case::a_tree_of_two_kinds(json!({
    "$ref": "#/$defs/even",
    "$defs": {
        "even": {"items": {"$ref": "#/$defs/odd"}},
        "odd": {"items": {"$ref": "#/$defs/even"}}
    }
}))]
#[case::a_reference_in_data(json!({"const": {"$ref": "https://example.com/", "pattern": "("}}))]
#[case::a_property_of_that_name(json!({
    "properties": {"$ref": {"type": "string"}, "pattern": {"type": "string"}, "$id": {}}
}))]
#[case::an_escaped_reference(json!({"$ref": "#/$defs/a~1b%20c", "$defs": {"a/b c": {}}}))]
#[case::a_dynamic_reference(json!({
    "$dynamicAnchor": "node", "items": {"$dynamicRef": "#node"}
}))]
#[case::escaped_slashes(json!({"pattern": "^https:\\/\\/[\\w.-]+\\/$"}))]
#[case::a_wide_class(json!({"pattern": "^[\\w.+-]{1,64}@[A-Za-z0-9.-]{1,255}$"}))]
fn passes(#[case] schema: Value) {
    assert_eq!(check(&schema), Ok(()));
}

#[rstest]
#[case::another_host(json!({"$ref": "https://example.com/a.json"}), "/$ref")]
#[case::a_file(json!({"items": {"$ref": "file:///etc/passwd"}}), "/items/$ref")]
#[case::a_neighbour(json!({"allOf": [true, {"$ref": "other.json#/a"}]}), "/allOf/1/$ref")]
#[case::its_own_id(
    json!({"$id": "https://example.com/a", "$ref": "https://example.com/a#/$defs/b"}), "/$ref"
)]
#[case::dynamically(json!({"$dynamicRef": "https://example.com/#node"}), "/$dynamicRef")]
#[case::nothing(json!({"$ref": "#/$defs/missing"}), "/$ref")]
#[case::no_such_anchor(json!({"$ref": "#missing"}), "/$ref")]
#[case::a_broken_escape(json!({"$ref": "#/%zz"}), "/$ref")]
#[case::another_dialect(
    json!({"$schema": "http://json-schema.org/draft-07/schema#"}), "/$schema"
)]
#[case::another_root(
    json!({"$defs": {"a": {"$id": "https://example.com/", "$ref": "#/$defs/b"}, "b": {}}}),
    "/$defs/a/$id"
)]
#[case::two_of_one_name(
    json!({"allOf": [{"$anchor": "a"}, {"$anchor": "a"}]}), "/allOf/0/$anchor"
)]
#[case::look_ahead(json!({"properties": {"a/b": {"pattern": "^(?=a)"}}}), "/properties/a~1b/pattern")]
#[case::a_back_reference(json!({"pattern": "(a)\\1"}), "/pattern")]
#[case::an_open_group(json!({"patternProperties": {"(": {}}}), "/patternProperties/(")]
#[case::a_pattern_that_explodes(json!({"pattern": "((a{100}){100}){100}"}), "/pattern")]
#[case::in_data_that_is_referred_to(
    json!({"$ref": "#/const", "const": {"pattern": "(?!a)"}}), "/const/pattern"
)]
#[case::a_loop(json!({"$ref": "#"}), "/$ref")]
#[case::a_loop_of_two(
    json!({"$ref": "#/$defs/a", "$defs": {
        "a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}
    }}),
    "/$defs/b/not/$ref"
)]
#[case::a_loop_by_anchor(
    json!({"items": {"$anchor": "a", "allOf": [{"$ref": "#a"}]}}), "/items/allOf/0/$ref"
)]
fn is_refused(#[case] schema: Value, #[case] pointer: &str) {
    assert_eq!(refused_at(&schema), pointer);
}

#[test]
fn the_bounds_are_inclusive() {
    assert_eq!(check(&nested(MAX_DEPTH)), Ok(()));
    assert_eq!(refused_at(&nested(MAX_DEPTH + 1)), "");

    let of_length = |bytes: usize| json!("x".repeat(bytes - 2));
    assert_eq!(check(&of_length(MAX_BYTES)), Ok(()));
    assert_eq!(refused_at(&of_length(MAX_BYTES + 1)), "");

    assert_eq!(check(&ladder(MAX_REFERENCES_IN_A_ROW - 1, 1)), Ok(()));
    assert!(check(&ladder(MAX_REFERENCES_IN_A_ROW, 1)).is_err());
}

#[test]
fn all_problems_are_told_up_to_ten() {
    let wrong = json!({"properties": {
        "a": {"$ref": "https://example.com/"}, "b": {"pattern": "("}, "c": {"$id": "x"}
    }});
    assert_eq!(problems(&wrong).len(), 3);

    let many = json!({"prefixItems": vec![json!({"pattern": "("}); 50]});
    assert_eq!(problems(&many).len(), MAX_PROBLEMS);
}

#[rstest]
#[case::each_level_doubles(ladder(40, 2))]
#[case::each_level_is_wide(ladder(6, 300))]
#[case::all_refer_to_all({
    let all: Vec<Value> = (0..12)
        .map(|index| json!({"items": {"$ref": format!("#/$defs/{index}")}}))
        .collect();
    let definitions: serde_json::Map<String, Value> = (0..12)
        .map(|index| (index.to_string(), json!({"allOf": all})))
        .collect();
    json!({"$ref": "#/$defs/0", "$defs": definitions})
})]
#[case::a_long_chain(ladder(1000, 1))]
#[case::patterns_that_fill_memory(json!({
    "allOf": (100..2000).map(|count| json!({"pattern": format!("\\w{{{count}}}")})).collect::<Vec<_>>()
}))]
#[case::many_large_patterns(json!({
    "allOf": vec![json!({"pattern": "\\w{99}"}); 2000]
}))]
fn a_bomb_is_refused_before_it_goes_off(#[case] bomb: Value) {
    assert!(
        bomb.to_string().len() <= MAX_BYTES,
        "the length is not what refuses it"
    );

    // Without bounds each would take hours or gigabytes, and this test would not end.
    let refused = problems(&bomb);

    assert!(!refused.is_empty());
}

#[test]
fn depth_ends_the_look_before_the_stack_does() {
    let deep = nested(100_000);

    assert!(check(&deep).is_err());

    // Dropping it would recurse as deep: it is taken apart instead.
    let mut rest = deep;
    while let Value::Array(mut items) = rest {
        rest = items.pop().unwrap_or(Value::Null);
    }
}

proptest::proptest! {
    #[test]
    fn checking_never_panics(reference in "#?[/%a-z0-9~$]{0,12}", pattern in ".{0,12}") {
        let schema = json!({
            "$ref": reference, "pattern": pattern, "$defs": {"a": {"$ref": reference}},
            "items": [{"$ref": "#"}], "$anchor": "a"
        });
        let _ = check(&schema);
    }
}
