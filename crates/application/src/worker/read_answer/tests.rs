//! What a worker hears that waits for an answer.

use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::ExposeSecret;

use super::*;
use crate::contents::seal_answers;
use crate::fixture::{OpenVault, asking, run_id, view};
use crate::ports::runs::MockRuns;
use crate::ports::signals::MockSignals;
use crate::worker::fixture::{Ear, answered, canceling, held_runs, lease_call, running};

const LONG: Duration = Duration::from_secs(60);

/// The run is in the first state until something is heard, then in the second.
async fn read(
    before: RunState,
    after: RunState,
    mut call: LeaseCall,
    wait: Duration,
) -> Result<Answer, CallError> {
    let looked = AtomicBool::new(false);
    let (mut runs, mut signals) = (MockRuns::new(), MockSignals::new());
    signals
        .expect_listen()
        .once()
        .withf(|topics| topics == [Topic::Run(run_id())])
        .returning(|_| Box::new(Ear::AtOnce));
    runs.expect_get().returning(move |_, _| {
        let state = if looked.swap(true, Ordering::SeqCst) {
            after.clone()
        } else {
            before.clone()
        };
        Ok(Some(view(state)))
    });
    call.run_id = run_id();
    let read_answer = ReadAnswer {
        held: held_runs(runs),
        vault: Arc::new(OpenVault),
        signals: Arc::new(signals),
    };
    read_answer.execute(&call, wait).await
}

fn code() -> RunState {
    let answers = [("code".to_owned(), SecretString::from("123456"))];
    answered(seal_answers(&OpenVault, run_id(), &answers))
}

#[tokio::test]
async fn an_answer_is_opened_as_soon_as_it_is_heard_of() {
    let answer = read(asking(), code(), lease_call(), LONG).await.unwrap();

    let answers = answer.answers.unwrap();
    let opened: Vec<_> = answers
        .iter()
        .map(|(name, answer)| (name.as_str(), answer.expose_secret()))
        .collect();
    assert_eq!(opened, [("code", "123456")]);
    assert!(!answer.cancel);
}

#[tokio::test]
async fn an_answer_is_given_again_under_the_same_lease() {
    let answer = read(code(), code(), lease_call(), Duration::ZERO).await;

    assert!(answer.unwrap().answers.is_some());
}

#[tokio::test]
async fn nothing_comes_where_nobody_answers_in_time() {
    for state in [asking(), running()] {
        let answer = read(state.clone(), state, lease_call(), Duration::ZERO).await;

        let answer = answer.unwrap();
        assert!(answer.answers.is_none() && !answer.cancel);
    }
}

#[tokio::test]
async fn a_run_that_is_canceled_while_it_waits_says_so() {
    for canceled in [canceling(), RunState::Canceled] {
        let answer = read(asking(), canceled, lease_call(), LONG).await.unwrap();

        assert!(answer.answers.is_none() && answer.cancel);
    }
}

#[tokio::test]
async fn a_run_that_ended_otherwise_has_lost_its_lease() {
    let failed = RunState::Failed { errors: vec![] };

    let answer = read(asking(), failed, lease_call(), LONG).await.map(|_| ());

    assert!(matches!(
        answer,
        Err(CallError::Refused(Refusal::LeaseOver { .. }))
    ));
}

#[tokio::test]
async fn an_old_lease_reads_no_answer() {
    let old = LeaseCall {
        epoch: windlass_domain::run::Epoch(0),
        ..lease_call()
    };

    for state in [code(), RunState::Canceled] {
        let answer = read(state.clone(), state, old.clone(), LONG)
            .await
            .map(|_| ());

        assert!(matches!(
            answer,
            Err(CallError::Refused(
                Refusal::LeaseLost { .. } | Refusal::LeaseOver { .. }
            ))
        ));
    }
}
