//! What rows hold of runs, pinned: it is read again by every later version.

use windlass_domain::id::{InteractionId, Random, WorkerId};
use windlass_domain::run::{ErrorCode, Field, FieldOption, Interaction, Status};
use windlass_domain::sealed::Sealed;

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

fn lease(checkpoint: Option<Sealed>) -> Lease {
    Lease {
        epoch: Epoch(2),
        holder: Holder {
            worker_id: WorkerId::new(at(1_000), Random([7; 10])),
            incarnation: 3,
        },
        expires_at: at(40_000),
        resumed: false,
        begun: true,
        checkpoint,
        secrets_version: Some(2),
        inherited_secrets_version: Some(1),
    }
}

fn lease_json(more: &str) -> String {
    let worker_id = lease(None).holder.worker_id;
    format!(
        r#""lease":{{"epoch":2,"holder":{{"worker_id":"{worker_id}","incarnation":3}},"expires_at":40000,"begun":true{more},"secrets_version":2,"inherited_secrets_version":1}}"#
    )
}

fn interaction() -> Interaction {
    let field = |name: &str, options| Field {
        name: name.to_owned(),
        kind: "string".to_owned(),
        label: "Code".to_owned(),
        options,
        required: true,
    };
    let option = |value: &str, label: Option<&str>| FieldOption {
        value: value.to_owned(),
        label: label.map(str::to_owned),
    };
    Interaction {
        id: InteractionId::new(at(2_000), Random([9; 10])),
        kind: "mfa".to_owned(),
        message: "Enter the code".to_owned(),
        fields: vec![
            field("code", None),
            field(
                "to",
                Some(vec![option("sms", Some("Text")), option("app", None)]),
            ),
        ],
        attempt: 1,
        created_at: at(2_000),
        expires_at: at(902_000),
    }
}

fn interaction_json() -> String {
    let id = interaction().id;
    format!(
        r#""interaction":{{"id":"{id}","type":"mfa","message":"Enter the code","fields":[{{"name":"code","type":"string","label":"Code","required":true}},{{"name":"to","type":"string","label":"Code","options":[{{"value":"sms","label":"Text"}},{{"value":"app"}}],"required":true}}],"attempt":1,"created_at":2000,"expires_at":902000}}"#
    )
}

fn errors() -> Vec<RunError> {
    vec![
        RunError::new(ErrorCode::AuthInvalid, "the source refused the login"),
        RunError {
            code: ErrorCode::OutputInvalid,
            message: "must be a number".to_owned(),
            field: Some("/amount".to_owned()),
        },
    ]
}

/// Every status with and without what it may have, and the JSON that rows have of it.
fn stored() -> Vec<(RunState, String)> {
    vec![
        (
            RunState::Queued {
                waiting: Waiting::ForWorker,
                checkpoint: Some(sealed("page 3")),
                secrets_version: Some(2),
            },
            r#"{"status":"queued","waiting":"for_worker","checkpoint":"cGFnZSAz","secrets_version":2}"#.to_owned(),
        ),
        (
            RunState::Queued {
                waiting: Waiting::ForSession,
                checkpoint: None,
                secrets_version: None,
            },
            r#"{"status":"queued","waiting":"for_session"}"#.to_owned(),
        ),
        (
            RunState::Running {
                lease: lease(Some(sealed("page 3"))),
                active_at: at(3_000),
                answered: None,
            },
            format!(
                r#"{{"status":"running",{},"active_at":3000}}"#,
                lease_json(r#","checkpoint":"cGFnZSAz""#)
            ),
        ),
        (
            RunState::Running {
                lease: lease(None),
                active_at: at(3_000),
                answered: Some(Answered {
                    interaction: interaction(),
                    answers: Some(sealed("123456")),
                }),
            },
            format!(
                r#"{{"status":"running",{},"active_at":3000,"answered":{{{},"answers":"MTIzNDU2"}}}}"#,
                lease_json(""),
                interaction_json()
            ),
        ),
        (
            RunState::Running {
                lease: lease(None),
                active_at: at(3_000),
                answered: Some(Answered {
                    interaction: interaction(),
                    answers: None,
                }),
            },
            format!(
                r#"{{"status":"running",{},"active_at":3000,"answered":{{{}}}}}"#,
                lease_json(""),
                interaction_json()
            ),
        ),
        (
            RunState::InteractionRequired {
                lease: lease(None),
                interaction: interaction(),
                checkpoint: Some(sealed("page 3")),
            },
            format!(
                r#"{{"status":"interaction_required",{},{},"checkpoint":"cGFnZSAz"}}"#,
                lease_json(""),
                interaction_json()
            ),
        ),
        (
            RunState::InteractionRequired {
                lease: lease(None),
                interaction: interaction(),
                checkpoint: None,
            },
            format!(
                r#"{{"status":"interaction_required",{},{}}}"#,
                lease_json(""),
                interaction_json()
            ),
        ),
        (
            RunState::ReviewRequired {
                review_ends_at: Some(at(90_000)),
            },
            r#"{"status":"review_required","review_ends_at":90000}"#.to_owned(),
        ),
        (
            RunState::ReviewRequired {
                review_ends_at: None,
            },
            r#"{"status":"review_required"}"#.to_owned(),
        ),
        (RunState::Completed, r#"{"status":"completed"}"#.to_owned()),
        (
            RunState::Failed { errors: errors() },
            r#"{"status":"failed","errors":[{"type":"auth","code":"auth_invalid","message":"the source refused the login"},{"type":"task","code":"output_invalid","message":"must be a number","field":"/amount"}]}"#.to_owned(),
        ),
        (
            RunState::Canceling {
                lease: lease(None),
                grace_ends_at: at(50_000),
            },
            format!(
                r#"{{"status":"canceling",{},"grace_ends_at":50000}}"#,
                lease_json("")
            ),
        ),
        (RunState::Canceled, r#"{"status":"canceled"}"#.to_owned()),
    ]
}

#[test]
fn every_status_reads_back_from_the_json_that_rows_have() {
    for (state, json) in stored() {
        assert_eq!(crate::write(&RunStateRecord::from(&state)), json);
        let record: RunStateRecord = crate::read(&json).expect("the shape");
        assert_eq!(RunState::try_from(record), Ok(state));
    }
    for status in Status::ALL {
        assert!(
            stored().iter().any(|(state, _)| state.status() == status),
            "{status} is in the table"
        );
    }
}

#[test]
fn the_tag_of_each_status_is_its_name() {
    for (state, json) in stored() {
        let tag = format!(r#"{{"status":"{}""#, state.status());
        assert!(json.starts_with(&tag), "{json}");
    }
}

#[test]
fn a_later_version_may_have_added_a_field() {
    let record: RunStateRecord =
        crate::read(r#"{"status":"completed","praise":"well done"}"#).expect("the shape");

    assert_eq!(RunState::try_from(record), Ok(RunState::Completed));
}

#[test]
fn a_row_without_what_its_status_has_cannot_be_read() {
    for json in [
        r#"{"status":"running"}"#,
        r#"{"status":"queued"}"#,
        r#"{"status":"failed"}"#,
        r#"{"status":"asleep"}"#,
        r#"{"status":"queued","waiting":"for_godot"}"#,
        r#"{"status":"queued","waiting":"for_worker","checkpoint":"§"}"#,
        r#"{}"#,
        "",
    ] {
        assert!(crate::read::<RunStateRecord>(json).is_err(), "{json}");
    }
}

#[test]
fn a_state_that_cannot_be_names_the_rule() {
    let failure = |errors: &str| format!(r#"{{"status":"failed","errors":[{errors}]}}"#);
    for (json, rule) in [
        (failure(""), "a failed run has errors; it has none"),
        (
            failure(r#"{"type":"task","code":"bad_luck","message":"it rained"}"#),
            "an error has a known code; it has `task/bad_luck`",
        ),
    ] {
        let record: RunStateRecord = crate::read(&json).expect("the shape");
        assert_eq!(RunState::try_from(record), Err(Impossible::new(rule)));
    }
}

#[test]
fn the_text_of_what_cannot_be_read_holds_nothing_of_it() {
    let json = r#"{"status":"queued","waiting":"hunter2","checkpoint":null}"#;

    let error = crate::read::<RunStateRecord>(json).expect_err("no such waiting");

    assert!(!error.to_string().contains("hunter2"), "{error}");
}
