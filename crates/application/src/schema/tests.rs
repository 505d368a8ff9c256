//! What is told of values and schemas that are wrong.

use serde_json::json;
use windlass_domain::Timestamp;
use windlass_domain::id::{AgentId, Random};
use windlass_domain::task::{TaskSettings, TaskStatus};

use super::*;

fn organization_id() -> OrganizationId {
    OrganizationId::new(Timestamp::EPOCH, Random([1; 10]))
}

fn task(schema: Value) -> Task {
    Task {
        id: TaskId::parse("task_bills").unwrap(),
        version: 1,
        agent_id: AgentId::parse("agt_bills").unwrap(),
        name: "Bills".to_owned(),
        prompt: None,
        status: TaskStatus::Learning,
        input_schema: Some(schema.clone()),
        output_schema: Some(schema),
        storage: None,
        settings: TaskSettings::default(),
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    }
}

#[track_caller]
fn check(schema: Value, value: &Value, expected: &[(ProblemKind, &str, &str)]) {
    let problems = Schemas::default().input_problems(organization_id(), &task(schema), value);

    let told: Vec<(ProblemKind, &str, &str)> = problems
        .iter()
        .map(|problem| {
            (
                problem.kind,
                problem.field.as_deref().unwrap_or_default(),
                problem.message.as_str(),
            )
        })
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn a_value_that_matches_has_no_problems() {
    check(json!({"type": "object"}), &json!({"month": 1}), &[]);
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_its_place() {
    check(
        json!({
            "type": "object",
            "properties": {"month": {"type": "string"}, "a/b": {"minimum": 3}},
            "required": ["month", "year"],
            "additionalProperties": false,
        }),
        &json!({"month": 12, "a/b": 1, "dat~e": true}),
        &[
            (ProblemKind::Missing, "/year", "`/year` is missing."),
            (ProblemKind::Invalid, "/a~1b", "`/a~1b` must be at least 3."),
            (
                ProblemKind::Invalid,
                "/month",
                "`/month` must be a string; it is a number.",
            ),
            (
                ProblemKind::Unknown,
                "/dat~0e",
                "`/dat~0e` is not a property that the schema knows.",
            ),
        ],
    );
}

#[test]
fn no_message_holds_the_value() {
    let schema = json!({"type": "object", "additionalProperties": {"type": "string",
        "pattern": "^a", "maxLength": 3, "enum": ["a"], "not": {"const": "hunter2-hunter2"}}});

    let problems = Schemas::default().input_problems(
        organization_id(),
        &task(schema),
        &json!({"secret": "hunter2-hunter2"}),
    );

    assert!(problems.len() >= 4, "{problems:?}");
    for problem in problems {
        assert!(!problem.message.contains("hunter2"), "{}", problem.message);
    }
}

#[test]
fn at_most_ten_problems_of_an_output_are_told() {
    let output = json!(vec![1; 50]);

    let errors = Schemas::default().output_errors(
        organization_id(),
        &task(json!({"items": {"type": "string"}})),
        &output,
    );

    assert_eq!(errors.len(), 10);
    assert_eq!(errors[9].field.as_deref(), Some("/9"));
    assert_eq!(errors[9].code, ErrorCode::OutputInvalid);
}

/// Who sends it can mend it in one go.
#[test]
fn what_a_caller_gives_is_told_wrong_in_every_place_up_to_a_hundred() {
    let items = task(json!({"items": {"type": "string"}}));
    let schemas = Schemas::default();

    let fifty = schemas.input_problems(organization_id(), &items, &json!(vec![1; 50]));
    let corrected = schemas.output_problems(organization_id(), &items, &json!(vec![1; 50]));
    let many = schemas.input_problems(organization_id(), &items, &json!(vec![1; 500]));

    assert_eq!(fifty.len(), 50);
    assert_eq!(fifty[49].field.as_deref(), Some("/49"));
    assert_eq!(corrected.len(), 50);
    assert_eq!(many.len(), 100);
}

#[test]
fn what_is_long_is_told_by_its_beginning() {
    let long = "x".repeat(10_000);
    let (object, unknown) = (json!({&long: 1}), json!({"additionalProperties": false}));
    for (schema, value) in [
        (unknown, object.clone()),
        (json!({"additionalProperties": {"type": "string"}}), object),
        (json!({"required": [&long]}), json!({})),
        (json!({"enum": [&long]}), json!(1)),
        (json!({"const": &long}), json!(1)),
        (json!({"pattern": &long}), json!("y")),
    ] {
        let output = Schemas::default().output_errors(organization_id(), &task(schema), &value);

        let [error] = output.as_slice() else {
            panic!("{output:?}");
        };
        let field = error.field.as_deref().unwrap_or_default();
        assert!(error.message.len() < 300, "{}", error.message);
        assert!(field.len() < 300, "{field}");
    }
}

#[test]
fn formats_only_annotate() {
    check(json!({"format": "date"}), &json!("no date"), &[]);
}

#[test]
fn a_schema_that_is_none_is_refused_with_its_place() {
    let problems = schema_problems(
        "input_schema",
        &json!({"properties": {"a": {"type": "strin"}}}),
    );

    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0].kind, ProblemKind::SchemaInvalid);
    assert_eq!(problems[0].field.as_deref(), Some("input_schema"));
    assert!(
        problems[0].message.contains("/properties/a/type"),
        "{}",
        problems[0].message
    );
}

#[test]
fn a_schema_that_refers_outside_itself_is_refused() {
    let problems = schema_problems(
        "input_schema",
        &json!({"$ref": "https://example.com/a.json"}),
    );

    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn another_task_under_an_id_chosen_again_is_checked_by_its_own_schema() {
    let schemas = Schemas::default();
    let before = task(json!({"type": "string"}));
    let mut after = task(json!({"type": "number"}));
    after.created_at = Timestamp::from_millis(1);

    let first = schemas.input_problems(organization_id(), &before, &json!("text"));
    let second = schemas.input_problems(organization_id(), &after, &json!("text"));

    assert!(first.is_empty());
    assert_eq!(second.len(), 1);
}
