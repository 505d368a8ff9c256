//! Every form is one, and what breaks it is told in words.

use rstest::rstest;
use serde_json::json;
use windlass_wire::destination::NewDestinationBody;
use windlass_wire::task::NewTaskBody;
use windlass_wire::worker::question::AskBody;

use super::*;

fn told<T: RequestBody>(value: Value) -> Vec<(&'static str, Option<String>, String)> {
    let (_, findings) = T::form().check::<T>(value);
    findings
        .into_iter()
        .map(|finding| (finding.code.as_str(), finding.field, finding.message))
        .collect()
}

fn of(code: &'static str, field: &str, message: &str) -> (&'static str, Option<String>, String) {
    (code, Some(field.to_owned()), message.to_owned())
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let told = told::<NewTaskBody>(json!({
        "agent_id": "agt_1",
        "output_shema": {},
        "settings": {"priority": "high", "max_attempts": -1, "review": "maybe", "pol": "x"}
    }));

    assert_eq!(
        told,
        [
            of(
                "input_missing",
                "name",
                "`name` is missing; a task must have it: 1 to 255 characters."
            ),
            of(
                "input_unknown",
                "output_shema",
                "`output_shema` is not a field of a task; did you mean `output_schema`?"
            ),
            of(
                "input_unknown",
                "settings.pol",
                "`settings.pol` is not a field of a task; did you mean `settings.pool`?"
            ),
            of(
                "input_invalid",
                "settings.max_attempts",
                "`settings.max_attempts` must be 0 or more; it is -1."
            ),
            of(
                "input_invalid",
                "settings.priority",
                "`settings.priority` must be a whole number; it is a string."
            ),
            of(
                "input_invalid",
                "settings.review",
                "`settings.review` must be one of `none`, `required`."
            ),
        ]
    );
}

#[test]
fn null_means_left_out_unless_the_field_is_required() {
    let whole = json!({"name": "a", "agent_id": "agt_1", "prompt": null, "settings": {"pool": null},
        "input_schema": {"const": null}});

    let (value, findings) = NewTaskBody::form().check::<NewTaskBody>(whole);

    assert_eq!(findings, []);
    assert_eq!(
        value,
        json!({"name": "a", "agent_id": "agt_1", "settings": {}, "input_schema": {"const": null}})
    );
    assert_eq!(
        told::<NewTaskBody>(json!({"name": null, "agent_id": "agt_1"})),
        [of(
            "input_missing",
            "name",
            "`name` is null; a task must have it: 1 to 255 characters."
        )]
    );
}

#[test]
fn null_means_left_out_inside_a_list_too() {
    let field = json!({"name": "code", "type": "string", "label": "Code", "options": null,
        "required": null});
    let question = json!({"epoch": 1, "attempt": 1.0, "type": "mfa", "message": "Code?",
        "fields": [field], "checkpoint": null});

    let (taken, findings) = AskBody::form().check::<AskBody>(question);

    assert!(findings.is_empty(), "{}", findings[0].message);
    assert_eq!(
        taken,
        json!({"epoch": 1, "attempt": 1, "type": "mfa", "message": "Code?",
            "fields": [{"name": "code", "type": "string", "label": "Code"}]})
    );
}

#[rstest]
#[case(json!([]), "The body must be a JSON object; it is a list.")]
#[case(json!("a"), "The body must be a JSON object; it is a string.")]
#[case(json!(null), "The body must be a JSON object; it is null.")]
fn what_is_no_object_is_no_body(#[case] value: Value, #[case] message: &str) {
    assert_eq!(
        told::<NewTaskBody>(value),
        [("body_invalid", None, message.to_owned())]
    );
}

#[rstest]
#[case(json!(600.0), true)]
#[case(json!(1e30), false)]
#[case(json!(1.5), false)]
fn a_whole_number_may_be_written_with_a_point(#[case] seconds: Value, #[case] is_fine: bool) {
    let value = json!({"name": "a", "agent_id": "agt_1", "settings": {"timeout_seconds": seconds}});

    let (value, findings) = NewTaskBody::form().check::<NewTaskBody>(value);

    assert_eq!(findings.is_empty(), is_fine, "{findings:?}");
    assert_eq!(
        serde_json::from_value::<NewTaskBody>(value).is_ok(),
        is_fine
    );
}

#[test]
fn fields_are_dotted_inside_objects() {
    assert_eq!(
        told::<NewDestinationBody>(json!({"name": "a", "webhook": {"url": 7}, "events": ["*", 1]})),
        [
            of(
                "input_invalid",
                "events.1",
                "`events.1` must be a string; it is a number."
            ),
            of(
                "input_invalid",
                "webhook.url",
                "`webhook.url` must be a string; it is a number."
            ),
        ]
    );
}

#[test]
fn a_body_of_many_faults_is_told_up_to_a_bound() {
    let many: Map<String, Value> = (0..10_000)
        .map(|index| (format!("x{index}"), json!(1)))
        .collect();

    assert_eq!(told::<NewTaskBody>(Value::Object(many)).len(), MAX_FINDINGS);
}
