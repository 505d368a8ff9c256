//! What an answer must hold, and that the store gets it sealed.

use windlass_domain::run::Status;

use super::*;
use crate::fixture::{OpenVault, asking, queued, run_id, told, view, write};
use crate::ports::WriteError;
use crate::ports::runs::{Commanded, MockRuns};
use crate::ports::signals::{MockQueue, MockSignals};
use crate::write::{IdempotencyRequest, KeptAnswer};

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
    let RunState::InteractionRequired { interaction, .. } = asking() else {
        panic!("it asks");
    };
    let expected = RunCommand::Answer {
        interaction_id: interaction.id,
        answers: sealed,
    };
    let use_case = answer_interaction(asking(), Some(expected));

    // A blank to a field that may be left out leaves it out.
    let given = answers(&[("code", "604218"), ("account", " ")]);
    let outcome = use_case.execute(write(), run_id(), given).await;

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
async fn a_question_without_a_field_says_that_it_asks_for_no_value() {
    let mut approval = asking();
    if let RunState::InteractionRequired { interaction, .. } = &mut approval {
        interaction.fields.clear();
    }
    let use_case = answer_interaction(approval, None);

    let given = answers(&[("code", "604218")]);
    let outcome = use_case.execute(write(), run_id(), given).await;

    let Err(CallError::Invalid(problems)) = outcome else {
        panic!("it is answered: {outcome:?}");
    };
    assert_eq!(
        problems[0].message,
        "`code` is not asked for; the source asks for no value: an empty `input` answers it."
    );
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

/// A request with an idempotency key, that the store has heard before, or not.
async fn repeated(
    state: RunState,
    stored: fn() -> Result<Written<Commanded>, WriteError>,
) -> Result<Written<RunView>, CallError> {
    let mut runs = MockRuns::new();
    let found = view(state.clone());
    runs.expect_get()
        .returning(move |_, _| Ok(Some(found.clone())));
    runs.expect_command()
        .times(1)
        .withf(move |_, _, command, _| !answers_what_is_asked(&state, command))
        .returning(move |_, _, _, _| stored());
    let use_case = AnswerInteraction {
        runs: Arc::new(runs),
        vault: Arc::new(OpenVault),
        announcer: Announcer::new(Arc::new(MockQueue::new()), Arc::new(MockSignals::new())),
    };
    let mut write = write();
    write.idempotency = Some(IdempotencyRequest {
        key: "once".to_owned(),
        method: "POST".to_owned(),
        path: "/".to_owned(),
        body_hash: [0; 32],
        render: Arc::new(|_| panic!("nothing is made")),
    });
    let reply = answers(&[("an earlier question's", "604218")]);
    use_case.execute(write, run_id(), reply).await
}

fn answers_what_is_asked(state: &RunState, command: &RunCommand) -> bool {
    match (state, command) {
        (
            RunState::InteractionRequired { interaction, .. },
            RunCommand::Answer { interaction_id, .. },
        ) => interaction.id == *interaction_id,
        _ => false,
    }
}

#[tokio::test]
async fn a_repeated_answer_is_replayed_whatever_the_run_asks_by_now() {
    let kept = KeptAnswer {
        status: 200,
        body: windlass_domain::sealed::Sealed::from_bytes(Vec::new()),
    };

    for state in [queued(), asking()] {
        let outcome = repeated(state, || {
            let body = windlass_domain::sealed::Sealed::from_bytes(Vec::new());
            Ok(Written::Replayed(KeptAnswer { status: 200, body }))
        });

        let outcome = outcome.await.expect("it was right before");
        assert_eq!(outcome, Written::Replayed(kept.clone()));
    }
}

#[tokio::test]
async fn an_answer_with_a_new_key_is_told_what_is_wrong_with_it() {
    let refused = || {
        let status = Status::Queued;
        Err(WriteError::Refused(Refusal::InteractionNotPending {
            status,
        }))
    };

    let error = repeated(asking(), refused).await.expect_err("it is wrong");

    let unknown = (ProblemKind::Unknown, "an earlier question's".to_owned());
    assert!(told(&error).contains(&unknown), "{error:?}");
}
