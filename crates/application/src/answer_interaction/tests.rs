//! What an answer must hold, and that the store gets it sealed.

use windlass_domain::run::Status;

use super::*;
use crate::fixture::{OpenVault, asking, queued, run_id, told, view, write};
use crate::ports::runs::{Commanded, MockRuns};
use crate::ports::signals::{MockQueue, MockSignals};

fn answer_interaction(state: RunState, expected: Option<RunCommand>) -> AnswerInteraction {
    let mut runs = MockRuns::new();
    let found = view(state);
    runs.expect_get()
        .returning(move |_, id| Ok((id == run_id()).then(|| found.clone())));
    if let Some(expected) = expected {
        runs.expect_command()
            .times(1)
            .withf(move |_, id, command, attachment| {
                *id == run_id() && *command == expected && attachment.is_none()
            })
            .returning(|_, _, _, _| {
                Ok(Written::Done(Commanded {
                    run: view(queued()),
                    signals: Vec::new(),
                }))
            });
    }
    let mut signals = MockSignals::new();
    signals.expect_send().return_const(());
    AnswerInteraction {
        runs: Arc::new(runs),
        vault: Arc::new(OpenVault),
        announcer: Announcer::new(Arc::new(MockQueue::new()), Arc::new(signals)),
    }
}

fn answers(given: &[(&str, &str)]) -> Reply {
    let answers = given
        .iter()
        .map(|(name, answer)| ((*name).to_owned(), SecretString::from(*answer)));
    Reply::Answers(answers.collect())
}

async fn problems(given: &[(&str, &str)]) -> Vec<(ProblemKind, String)> {
    let use_case = answer_interaction(asking(), None);
    let outcome = use_case.execute(write(), run_id(), answers(given)).await;
    told(&outcome.expect_err("nothing is answered"))
}

#[tokio::test]
async fn an_answer_reaches_the_run_sealed_for_it() {
    let sealed = contents::seal_answers(
        &OpenVault,
        run_id(),
        &[("code".to_owned(), SecretString::from("604218"))],
    );
    let use_case = answer_interaction(asking(), Some(RunCommand::Answer { answers: sealed }));

    let outcome = use_case
        .execute(write(), run_id(), answers(&[("code", "604218")]))
        .await;

    assert!(matches!(outcome, Ok(Written::Done(_))), "{outcome:?}");
}

#[tokio::test]
async fn every_field_that_is_missing_or_unknown_is_told() {
    assert_eq!(
        problems(&[("cod", "1"), ("account", "c")]).await,
        [
            (ProblemKind::Missing, "code".to_owned()),
            (ProblemKind::Invalid, "account".to_owned()),
            (ProblemKind::Unknown, "cod".to_owned()),
        ]
    );
    for blank in ["", "  "] {
        assert_eq!(
            problems(&[("code", blank)]).await,
            [(ProblemKind::Missing, "code".to_owned())]
        );
    }
}

#[tokio::test]
async fn no_problem_repeats_the_answer() {
    let use_case = answer_interaction(asking(), None);
    let secret = "604218".repeat(1_000);

    let outcome = use_case
        .execute(write(), run_id(), answers(&[("code", &secret)]))
        .await;

    let error = outcome.expect_err("it is too long");
    assert!(!error.to_string().contains("604218"), "{error}");
}

#[tokio::test]
async fn a_run_that_asks_nothing_takes_no_answer() {
    let use_case = answer_interaction(queued(), None);

    let outcome = use_case
        .execute(write(), run_id(), answers(&[("code", "604218")]))
        .await;

    assert!(
        matches!(
            outcome,
            Err(CallError::Refused(Refusal::InteractionNotPending {
                status: Status::Queued
            }))
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_person_may_decline() {
    let use_case = answer_interaction(asking(), Some(RunCommand::Decline));

    let outcome = use_case.execute(write(), run_id(), Reply::Declined).await;

    assert!(matches!(outcome, Ok(Written::Done(_))), "{outcome:?}");
}
