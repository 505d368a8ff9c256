//! What a review must hold, and what the run is told of it.

use serde_json::json;
use windlass_domain::run::RunState;
use windlass_domain::task::Task;

use super::*;
use crate::fixture::{run_id, task, told, view, write};
use crate::ports::runs::{Commanded, MockRuns};
use crate::ports::signals::{MockQueue, MockSignals};
use crate::ports::tasks::MockTasks;

/// A review of a run whose output is an amount, of which the run is told `expected`.
fn review_run(expected: Option<RunCommand>) -> ReviewRun {
    let mut runs = MockRuns::new();
    runs.expect_get().returning(|_, id| {
        let review_ends_at = None;
        Ok((id == run_id()).then(|| view(RunState::ReviewRequired { review_ends_at })))
    });
    if let Some(expected) = expected {
        runs.expect_command()
            .times(1)
            .withf(move |_, id, command, attachment| {
                *id == run_id() && *command == expected && attachment.is_none()
            })
            .returning(|_, _, _, _| {
                Ok(Written::Done(Commanded {
                    run: view(RunState::Completed),
                    signals: Vec::new(),
                }))
            });
    }
    let mut tasks = MockTasks::new();
    let version = Task {
        output_schema: Some(json!({"properties": {"amount": {"type": "number"}},
            "required": ["amount"], "additionalProperties": false})),
        ..task()
    };
    tasks
        .expect_get_version()
        .withf(|_, id, version| {
            *id == task().id && *version == view(RunState::Completed).run.task_version
        })
        .returning(move |_, _, _| Ok(Some(version.clone())));
    let mut signals = MockSignals::new();
    signals.expect_send().return_const(());
    ReviewRun {
        runs: Arc::new(runs),
        tasks: Arc::new(tasks),
        schemas: Arc::new(Schemas::default()),
        announcer: Announcer::new(Arc::new(MockQueue::new()), Arc::new(signals)),
    }
}

fn review(decision: Decision, output: Option<Value>, reason: Option<&str>) -> Review {
    Review {
        decision,
        output,
        reason: reason.map(str::to_owned),
        wrong: Vec::new(),
    }
}

async fn problems_of(review: Review) -> Vec<(ProblemKind, String)> {
    let outcome = review_run(None).execute(write(), run_id(), review).await;
    told(&outcome.expect_err("nothing is decided"))
}

fn of(kind: ProblemKind, field: &str) -> (ProblemKind, String) {
    (kind, field.to_owned())
}

#[tokio::test]
async fn the_run_is_told_what_was_decided() {
    let output = Some(json!({"amount": 43}));
    let why = "the amount is wrong";
    for (review, expected) in [
        (
            review(Decision::Approve, None, None),
            RunCommand::Approve { output: None },
        ),
        (
            review(Decision::Approve, output.clone(), None),
            RunCommand::Approve { output },
        ),
        (
            review(Decision::Reject, None, Some(why)),
            RunCommand::Reject {
                reason: Some(why.to_owned()),
            },
        ),
    ] {
        let use_case = review_run(Some(expected));

        let outcome = use_case.execute(write(), run_id(), review).await;

        assert!(matches!(outcome, Ok(Written::Done(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_corrected_output_that_breaks_the_schema_is_told_by_its_places() {
    let output = json!({"amount": "43", "currency": "NOK"});
    assert_eq!(
        problems_of(review(Decision::Approve, Some(output), None)).await,
        [
            of(ProblemKind::Invalid, "/amount"),
            of(ProblemKind::Unknown, "/currency"),
        ]
    );
    assert_eq!(
        problems_of(review(Decision::Approve, Some(json!({})), None)).await,
        [of(ProblemKind::Missing, "/amount")]
    );
}

#[tokio::test]
async fn an_output_is_approved_and_a_reason_rejects() {
    let output = Some(json!({"amount": 1}));
    assert_eq!(
        problems_of(review(Decision::Reject, output, None)).await,
        [of(ProblemKind::Invalid, "output")]
    );
    assert_eq!(
        problems_of(review(Decision::Approve, None, Some("fine"))).await,
        [of(ProblemKind::Invalid, "reason")]
    );
    for reason in [" ".to_owned(), "x".repeat(MAX_REASON_CHARACTERS + 1)] {
        assert_eq!(
            problems_of(review(Decision::Reject, None, Some(&reason))).await,
            [of(ProblemKind::Invalid, "reason")]
        );
    }
}

#[tokio::test]
async fn without_a_decision_nothing_is_said_of_what_goes_with_it() {
    let missing = Problem::of(ProblemKind::Missing, "decision", "`decision` is missing.");
    let review = Review {
        wrong: vec![missing],
        ..review(Decision::Approve, None, Some("the amount is wrong"))
    };

    assert_eq!(
        problems_of(review).await,
        [of(ProblemKind::Missing, "decision")]
    );
}
