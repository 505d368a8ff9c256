//! What is read, and what is refused and where.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::extraction::{Extraction, Reading, Rows};
use crate::schema::accepts;
use crate::values::Values;

fn with_step(step: &Value) -> Value {
    json!({"title": "Latest bill", "steps": [step]})
}

/// What the parser reads and a schema cannot: parts of messages about it.
const BEYOND_A_SCHEMA: [&str; 16] = [
    "262144 bytes",
    "CSS selector",
    "XPath",
    "combinator",
    "[role=",
    "what to look for",
    "must not hold",
    "is no placeholder",
    "earlier windlass.interact",
    "not file:",
    "not javascript:",
    "d, m and y",
    "one list with next",
    "where 0 follow",
    "where 0 come before",
    "name of an earlier field",
];

/// The places of all problems, each with its message. The schema refuses them too, if a schema can.
fn problems(playbook: &Value) -> Vec<(String, String)> {
    let problems = parse(playbook).expect_err("has problems");
    let beyond = |problem: &Problem| {
        let mut known = BEYOND_A_SCHEMA.iter();
        known.any(|part| problem.message.contains(part))
    };
    if !problems.iter().all(beyond) {
        assert!(
            !accepts(playbook),
            "the schema knows nothing of {problems:?}"
        );
    }
    problems
        .into_iter()
        .map(|problem| (problem.path(), problem.message))
        .collect()
}

#[test]
fn a_recording_is_read_with_its_harmless_extras() {
    let playbook = parse(&json!({
        "title": "Latest bill", "timeout": 5000, "selectorAttribute": "data-test",
        "steps": [
            {"type": "setViewport", "width": 1280, "height": 720, "deviceScaleFactor": 1,
             "isMobile": false, "hasTouch": false, "isLandscape": false},
            {"type": "navigate", "url": "{{source.url}}",
             "assertedEvents": [{"type": "navigation", "url": "x", "title": "y"}]},
            {"type": "change", "selectors": [["aria/User"], ["#user"], ["xpath///*[@id=\"user\"]"],
             ["pierce/#user"], ["text/User"]], "value": "{{credential.username}}", "target": "main"},
            {"type": "click", "selectors": ["#go"], "offsetX": 3, "offsetY": 4.5, "timeout": 100,
             "frame": [0], "button": "primary"},
            {"type": "scroll", "x": 0, "y": 100},
            {"type": "waitForElement", "selectors": [[".row"]], "operator": ">=", "count": 2},
            {"type": "customStep", "name": "windlass.extract", "parameters": {"fields": {
                "amount": {"selector": ".sum", "as": "number"},
                "rows": {"rows": "tr", "fields": {"link": {"selector": "a", "as": "attribute",
                    "attribute": "href"}}, "next": "a.next", "limit": 3}}}},
            {"type": "close"},
        ],
    }))
    .unwrap();

    assert_eq!(playbook.title, "Latest bill");
    let written: Vec<_> = playbook.steps.iter().map(ToString::to_string).collect();
    let expected = [
        "setViewport",
        "navigate {{source.url}}",
        "change aria/User",
        "click #go",
        "scroll",
        "waitForElement .row",
        "windlass.extract amount, rows",
        "close",
    ];
    assert_eq!(written, expected);
    let Action::Extract(extract) = &playbook.steps[6].action else {
        panic!("{:?}", playbook.steps[6])
    };
    let Extraction::Rows {
        rows: Rows::Each(_),
        fields,
        pages,
    } = &extract.fields[1].1
    else {
        panic!("{extract:?}")
    };
    assert_eq!(fields[0].1.reading, Some(Reading::Text));
    assert_eq!(fields[0].1.attribute.as_deref(), Some("href"));
    assert_eq!(pages.limit, Some(3));
    assert!(playbook.unread.is_empty(), "{:?}", playbook.unread);
    assert!(playbook.steps[1].navigation.is_some() && playbook.steps[2].navigation.is_none());
    assert_eq!(playbook.steps[3].frame, [0]);
    let timeouts: Vec<_> = playbook.steps[2..4]
        .iter()
        .map(|step| step.timeout.unwrap().as_millis())
        .collect();
    assert_eq!(timeouts, [5000, 100]);
    assert_eq!(playbook.steps[6].timeout, None, "it may go over many pages");
}

#[rstest]
#[case(json!([]), "", "must be an object")]
#[case(json!({"steps": [{"type": "close"}]}), "title", "is required")]
#[case(json!({"title": " ", "steps": [{"type": "close"}]}), "title", "empty")]
#[case(json!({"title": "x"}), "steps", "is required")]
#[case(json!({"title": "x", "steps": []}), "steps", "at least one")]
#[case(json!({"title": "x", "steps": [{"type": "close"}], "timeout": 60_000}), "timeout", "from 1 to 30000")]
#[case(json!({"title": "x", "steps": ["close"]}), "steps.0", "must be an object")]
#[case(json!({"title": "x", "steps": vec![json!({"type": "close"}); 501]}), "steps", "500 items")]
#[case(json!({"title": "x".repeat(300_000), "steps": []}), "", "262144 bytes")]
fn a_playbook_of_another_form_is_refused(
    #[case] playbook: Value,
    #[case] path: &str,
    #[case] message: &str,
) {
    let problems = problems(&playbook);

    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].0, path);
    assert!(problems[0].1.contains(message), "{problems:?}");
}

#[rstest]
#[case(json!({}), "type", "is required")]
#[case(json!({"type": "dance"}), "type", "is no step; there are setViewport")]
#[case(json!({"type": "emulateNetworkConditions", "download": "fast"}), "download", "must be a number")]
#[case(json!({"type": "setViewport", "isMobile": 1}), "isMobile", "true or false")]
#[case(json!({"type": "close", "timeout": 0}), "timeout", "from 1 to 30000")]
#[case(json!({"type": "close", "frame": [-1]}), "frame", "positions of frames")]
#[case(json!({"type": "close", "target": 1}), "target", "must be a text")]
#[case(json!({"type": "close", "assertedEvents": {}}), "assertedEvents", "must be a list")]
#[case(json!({"type": "close", "assertedEvents": [{}]}), "assertedEvents.0.type", "is required")]
#[case(json!({"type": "close", "assertedEvents": [{"type": "tea"}]}), "assertedEvents.0.type", "navigation")]
#[case(json!({"type": "close", "assertedEvents": [{"type": "navigation", "url": 1}]}), "assertedEvents.0.url", "must be a text")]
#[case(json!({"type": "navigate"}), "url", "is required")]
#[case(json!({"type": "navigate", "url": 3}), "url", "must be a text, not a number")]
#[case(json!({"type": "navigate", "url": "{{source.uri}}"}), "url", "is no placeholder; there are input")]
#[case(json!({"type": "navigate", "url": "{{interaction.code}}"}), "url", "earlier windlass.interact")]
#[case(json!({"type": "navigate", "url": "file:///etc/passwd"}), "url", "not file:")]
#[case(json!({"type": "navigate", "url": "javascript:alert(1)"}), "url", "not javascript:")]
#[case(json!({"type": "click"}), "selectors", "is required")]
#[case(json!({"type": "click", "selectors": ["#a["]}), "selectors.0", "is no CSS selector")]
#[case(json!({"type": "click", "selectors": [["a", "pierce/b >"]]}), "selectors.0.1", "ends with a combinator")]
#[case(json!({"type": "click", "selectors": ["xpath///a["]}), "selectors.0", "is no XPath expression")]
#[case(json!({"type": "click", "selectors": ["aria/[level=\"2\"]"]}), "selectors.0", "[role=")]
#[case(json!({"type": "click", "selectors": ["a"], "button": "left"}), "button", "primary, auxiliary")]
#[case(json!({"type": "click", "selectors": ["a"], "offsetX": "1"}), "offsetX", "must be a number")]
#[case(json!({"type": "keyDown"}), "key", "is required")]
#[case(json!({"type": "scroll", "selectors": ["a["]}), "selectors.0", "is no CSS selector")]
#[case(json!({"type": "click", "selectors": "#go"}), "selectors", "must be a list")]
#[case(json!({"type": "click", "selectors": []}), "selectors", "at least one")]
#[case(json!({"type": "click", "selectors": [["#a"], 3]}), "selectors.1", "must be a selector")]
#[case(json!({"type": "click", "selectors": [["#a", {}]]}), "selectors.0.1", "must be a text")]
#[case(json!({"type": "click", "selectors": ["text/"]}), "selectors.0", "what to look for")]
#[case(json!({"type": "click", "selectors": ["#a-{{credential.password}}"]}), "selectors.0", "must not hold")]
#[case(json!({"type": "click", "selectors": ["xpath//a[. = '{{input.a}}']"]}), "selectors.0", "must not hold")]
#[case(json!({"type": "click", "selectors": ["text/{{interaction.a}}"]}), "selectors", "earlier windlass.interact")]
#[case(json!({"type": "customStep", "name": "windlass.repeat", "parameters": {"when": "a", "steps": 1}}), "parameters.steps", "where 0 come before")]
#[case(json!({"type": "change", "selectors": ["#a"]}), "value", "is required")]
#[case(json!({"type": "waitForElement", "selectors": ["a"], "operator": ">"}), "operator", "one of ==")]
#[case(json!({"type": "waitForElement", "selectors": ["a"], "count": -1}), "count", "whole number")]
#[case(json!({"type": "waitForElement", "selectors": ["a"], "attributes": {"x": 1}}), "attributes.x", "must be a text")]
#[case(json!({"type": "waitForElement", "selectors": ["a"], "properties": 1}), "properties", "must be an object")]
#[case(json!({"type": "customStep", "parameters": {}}), "name", "is required")]
#[case(json!({"type": "customStep", "name": "extract"}), "name", "is no custom step; there are windlass")]
#[case(json!({"type": "customStep", "name": "windlass.expect", "parameters": 3}), "parameters", "object")]
fn a_step_of_another_form_is_refused(
    #[case] step: Value,
    #[case] path: &str,
    #[case] message: &str,
) {
    let problems = problems(&with_step(&step));

    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].0, format!("steps.0.{path}"));
    assert!(problems[0].1.contains(message), "{problems:?}");
}

#[rstest]
#[case("extract", json!({}), "fields", "is required")]
#[case("extract", json!({"fields": {}}), "fields", "at least one")]
#[case("extract", json!({"fields": {"a": ".x"}}), "fields.a", "must be an object")]
#[case("extract", json!({"fields": {"a": {"as": "text"}}}), "fields.a.selector", "is required")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "as": "money"}}}), "fields.a.as", "number, date")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "as": "attribute"}}}), "fields.a.attribute", "required")]
#[case("extract", json!({"fields": {"a": {"selector": "b["}}}), "fields.a.selector", "is no CSS selector")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "column": "c"}}}), "fields.a.column", "unknown")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "term": ""}}}), "fields.a.term", "empty")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "json": "x"}}}), "fields.a.json", "JSON Pointer")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "json_type": "Offer"}}}), "fields.a.json_type", "goes with json")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "decimal": ";"}}}), "fields.a.decimal", "a point or a comma")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "as": "text", "decimal": ","}}}), "fields.a.decimal", "of numbers only")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "format": "dd.mm"}}}), "fields.a.format", "d, m and y")]
#[case("extract", json!({"fields": {"a": {"selector": "b", "as": "number", "format": "dmy"}}}), "fields.a.format", "of dates only")]
#[case("extract", json!({"fields": {"a": {"rows": "tr", "fields": {"b": {"column": "c", "selector": "d"}}}}}),
       "fields.a.fields.b.column", "unknown")]
#[case("extract", json!({"fields": {"a": {"rows": "tr", "table": "table", "fields": {"b": {"selector": "c"}}}}}),
       "fields.a.table", "goes without rows")]
#[case("extract", json!({"fields": {"a": {"rows": "tr"}}}), "fields.a.fields", "is required")]
#[case("extract", json!({"fields": {"a": {"rows": "tr", "fields": {"b": {"selector": "c", "rows": "d"}}}}}),
       "fields.a.fields.b.rows", "unknown")]
#[case("extract", json!({"fields": {"a": {"rows": "tr", "limit": 2, "fields": {"b": {"selector": "c"}}}}}),
       "fields.a.limit", "goes with next")]
#[case("extract", json!({"fields": {"a": {"rows": "tr", "next": "n", "limit": 0, "fields": {"b": {"selector": "c"}}}}}),
       "fields.a.limit", "from 1 to 1000")]
#[case("extract", json!({"fields": {
    "a": {"rows": "tr", "next": "n", "fields": {"b": {"selector": "c"}}},
    "d": {"rows": "li", "next": "n", "fields": {"b": {"selector": "c"}}}}}), "fields", "one list with next")]
#[case("interact", json!({"message": "m"}), "type", "is required")]
#[case("interact", json!({"type": "mfa"}), "message", "is required")]
#[case("interact", json!({"type": "color", "message": "m"}), "fields", "is required for")]
#[case("interact", json!({"type": "mfa", "message": "m", "fields": [{"name": "a b", "type": "string", "label": "A"}]}),
       "fields.0.name", "letters")]
#[case("interact", json!({"type": "mfa", "message": "m", "fields": [{"name": "a", "type": "select", "label": "A", "options": [3]}]}),
       "fields.0.options.0", "must be a text")]
#[case("interact", json!({"type": "x".repeat(65), "message": "m", "fields": [{"name": "a", "type": "b", "label": "c"}]}),
       "type", "64 characters")]
#[case("interact", json!({"type": "mfa", "message": "m".repeat(4001)}), "message", "4000 characters")]
#[case("interact", json!({"type": "mfa", "message": "m", "fields": vec![json!({}); 21]}), "fields", "20 items")]
#[case("skip", json!({"when": ".in"}), "steps", "is required")]
#[case("skip", json!({"when": ".in", "steps": 1}), "steps", "skips 1 steps where 0 follow")]
#[case("skip", json!({"when": ".in", "steps": 0}), "steps", "from 1 to 500")]
#[case("download", json!({"selector": "a", "all": "yes"}), "all", "true or false")]
#[case("download", json!({"selector": "a", "next": "n"}), "next", "where all is true")]
#[case("fail", json!({"when": "a", "type": "auth", "code": "auth_wrong", "message": "m"}), "code", "auth/auth_invalid")]
#[case("fail", json!({"when": "a", "type": "session", "code": "timeout", "message": "m"}), "code", "no error of a page")]
#[case("screenshot", json!({"why": "m"}), "why", "unknown; there are reasoning")]
fn a_custom_step_of_another_form_is_refused(
    #[case] name: &str,
    #[case] parameters: Value,
    #[case] path: &str,
    #[case] message: &str,
) {
    let step =
        json!({"type": "customStep", "name": format!("windlass.{name}"), "parameters": parameters});

    let problems = problems(&with_step(&step));

    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].0, format!("steps.0.parameters.{path}"));
    assert!(problems[0].1.contains(message), "{problems:?}");
}

#[test]
fn all_problems_come_at_once() {
    let problems = problems(&json!({"steps": [
        {"type": "navigate"},
        {"type": "click", "selectors": [["#a["], [1]]},
        {"type": "customStep", "name": "windlass.fail", "parameters": {"when": ""}},
    ]}));

    let places: Vec<_> = problems.iter().map(|(path, _)| path.as_str()).collect();
    let expected = [
        "title",
        "steps.0.url",
        "steps.1.selectors.0.0",
        "steps.1.selectors.1.0",
        "steps.2.parameters.when",
        "steps.2.parameters.type",
        "steps.2.parameters.code",
        "steps.2.parameters.message",
    ];
    assert_eq!(places, expected);
}

#[test]
fn what_the_recorder_may_add_is_left_aside_and_said() {
    let playbook = parse(
        &json!({"title": "x", "recordedBy": "an extension", "steps": [
            {"type": "close", "x-note": 1, "assertedEvents": [{"type": "navigation", "a/b": 1}]},
        ]}),
    )
    .unwrap();

    let mut unread = playbook.unread.clone();
    unread.sort();
    let expected = [
        "/recordedBy",
        "/steps/0/assertedEvents/0/a~1b",
        "/steps/0/x-note",
    ];
    assert_eq!(unread, expected);
}

#[test]
fn a_problem_names_its_step() {
    let found = parse(&json!({"title": "x", "steps": [{"type": "close"}, {"type": "click"}]}));

    let found = found.unwrap_err();

    assert_eq!(
        found[0].to_string(),
        "step 2 (click), /steps/1/selectors: is required"
    );
}

#[test]
fn an_answer_may_be_used_after_its_question() {
    let playbook = parse(&json!({"title": "x", "steps": [
        {"type": "customStep", "name": "windlass.interact", "parameters": {"type": "mfa", "message": "Code?"}},
        {"type": "change", "selectors": ["#code"], "value": "{{interaction.code}}"},
    ]}));

    assert!(playbook.is_ok(), "{playbook:?}");
}

#[test]
fn values_that_are_missing_are_named_once_and_answers_come_later() {
    let playbook = parse(&json!({"title": "x", "steps": [
        {"type": "customStep", "name": "windlass.interact", "parameters": {"type": "mfa", "message": "Code?"}},
        {"type": "change", "selectors": ["#code"], "value": "{{interaction.code}}{{credential.password}}"},
        {"type": "change", "selectors": ["#p"], "value": "{{credential.password}}{{source.url}}"},
        {"type": "click", "selectors": ["#m-{{input.month}}"]},
    ]}))
    .unwrap();
    let values = Values {
        source_url: Some("https://x.example".to_owned()),
        ..Values::default()
    };

    let missing: Vec<_> = playbook
        .missing(&values)
        .iter()
        .map(ToString::to_string)
        .collect();

    assert_eq!(missing, ["credential.password", "input.month"]);
}

/// JSON of the words of a playbook in every wrong order: noise alone would hardly reach a step.
fn noise() -> impl Strategy<Value = Value> {
    let words = prop::sample::select(vec![
        "navigate",
        "click",
        "change",
        "customStep",
        "waitForElement",
        "windlass.extract",
        "windlass.interact",
        "windlass.skip",
        "windlass.download",
        "windlass.fail",
        "windlass.authenticate",
        "mfa",
        "{{",
        "}}",
        "{{source.url}}",
        "{{input.a}}",
        "text/",
        "aria/x",
        "number",
        "attribute",
        "",
        "\u{0}",
        "å",
    ]);
    let names = prop::sample::select(vec![
        "title",
        "steps",
        "type",
        "name",
        "parameters",
        "selectors",
        "selector",
        "value",
        "url",
        "fields",
        "rows",
        "next",
        "limit",
        "when",
        "as",
        "attribute",
        "options",
        "message",
        "code",
        "label",
        "all",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(names.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused_with_a_reason(value in noise(), steps in prop::collection::vec(noise(), 0..4)) {
        for playbook in [value, json!({"title": "x", "steps": steps})] {
            match parse(&playbook) {
                Ok(_) => prop_assert!(accepts(&playbook)),
                Err(problems) => prop_assert!(!problems.is_empty()),
            }
        }
    }
}
