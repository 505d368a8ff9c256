//! How a worker waits for runs.

use std::sync::Mutex;

use rstest::rstest;
use serde_json::json;
use windlass_domain::id::Random;
use windlass_domain::run::{Epoch, Refusal, RunCommand};
use windlass_domain::sealed::Sealed;

use super::*;
use crate::contents::seal_input;
use crate::fixture::{OpenVault, now, run_id, task, view, write};
use crate::ports::WriteError;
use crate::ports::credentials::MockCredentials;
use crate::ports::runs::MockRuns;
use crate::ports::signals::{MockQueue, MockSignals};
use crate::worker::fixture::{Ear, commanded, held_runs, holder, running};

const LONG: Duration = Duration::from_secs(60);

fn wish(wait: Duration) -> LeaseWish {
    LeaseWish {
        organization: None,
        request_id: write().request_id,
        holder: holder(),
        pools: vec![Pool::builtin()],
        capacity: 2,
        explicit_begin: true,
        sessions: vec![],
        held: Some(vec![]),
        heard: None,
        wait,
    }
}

fn leased(id: RunId, input: Sealed) -> LeasedRun {
    let mut run = view(running()).run;
    run.id = id;
    LeasedRun {
        run,
        task: task(),
        input,
        source: None,
        credential: None,
        playbook: None,
        trace_parent: None,
    }
}

fn ready(id: RunId) -> LeasedRun {
    leased(id, seal_input(&OpenVault, id, &json!({"month": 1})))
}

/// Each lease call gets the next of these; then nothing.
fn leases(runs: &mut MockRuns, answers: Vec<Vec<LeasedRun>>) {
    let answers = Mutex::new(answers.into_iter());
    runs.expect_lease().returning(move |request| {
        assert_eq!(request.length, Duration::from_secs(10));
        Ok(Leased {
            runs: answers.lock().unwrap().next().unwrap_or_default(),
            ..Leased::default()
        })
    });
}

async fn lease(
    runs: MockRuns,
    queue: Ear,
    signals: Ear,
    wish: &LeaseWish,
) -> Result<RunsLeased, CallError> {
    let (mut mock_queue, mut mock_signals) = (MockQueue::new(), MockSignals::new());
    mock_queue.expect_listen().return_once(|_| Box::new(queue));
    mock_signals
        .expect_listen()
        .withf(|topics| topics == [Topic::Worker(holder().worker_id)])
        .return_once(|_| Box::new(signals));
    let lease_runs = LeaseRuns {
        held: held_runs(runs),
        vault: Arc::new(OpenVault),
        credentials: CredentialVault {
            credentials: Arc::new(MockCredentials::new()),
            vault: Arc::new(OpenVault),
        },
        queue: Arc::new(mock_queue),
        signals: Arc::new(mock_signals),
        length: Duration::from_secs(10),
    };
    lease_runs.execute(wish, &CancellationToken::new()).await
}

#[tokio::test]
async fn a_run_comes_with_its_input_opened() {
    let mut runs = MockRuns::new();
    leases(&mut runs, vec![vec![ready(run_id())]]);

    let leased = lease(runs, Ear::Never, Ear::Never, &wish(LONG))
        .await
        .unwrap();

    assert_eq!(leased.runs.len(), 1);
    assert_eq!(leased.runs[0].input, json!({"month": 1}));
}

#[tokio::test]
async fn a_run_that_is_announced_while_the_worker_waits_is_leased_then() {
    let mut runs = MockRuns::new();
    leases(&mut runs, vec![vec![], vec![ready(run_id())]]);

    let leased = lease(runs, Ear::AtOnce, Ear::Never, &wish(LONG))
        .await
        .unwrap();

    assert_eq!(leased.runs.len(), 1);
}

#[tokio::test]
async fn a_run_whose_announcement_was_lost_is_leased_all_the_same() {
    let mut runs = MockRuns::new();
    leases(&mut runs, vec![vec![], vec![ready(run_id())]]);

    let leased = lease(runs, Ear::Never, Ear::Never, &wish(LONG))
        .await
        .unwrap();

    assert_eq!(leased.runs.len(), 1);
}

#[tokio::test]
async fn a_wait_that_is_over_brings_nothing() {
    let mut runs = MockRuns::new();
    leases(&mut runs, vec![]);

    let leased = lease(runs, Ear::Never, Ear::Never, &wish(Duration::ZERO)).await;

    assert!(leased.unwrap().is_nothing());
}

#[rstest]
#[case(Ear::AtOnce, Status::Canceling)]
#[case::though_its_signal_was_lost(Ear::Never, Status::Canceling)]
#[case::over_by_another_replica(Ear::Never, Status::Failed)]
#[case::waits_again(Ear::Never, Status::Queued)]
#[tokio::test]
async fn a_held_run_that_is_to_stop_ends_the_wait(#[case] signals: Ear, #[case] status: Status) {
    let mut runs = MockRuns::new();
    leases(&mut runs, vec![]);
    let other = RunId::new(now(), Random([9; 10]));
    let looks = Mutex::new([Status::Running, status].into_iter());
    runs.expect_not_held_by()
        .returning(move |_, of, _, going_on| {
            assert_eq!(of, holder());
            let status = looks.lock().unwrap().next().unwrap();
            let runs = [(run_id(), status), (other, Status::InteractionRequired)];
            let found = runs.iter().filter(|(_, of)| !going_on.contains(of));
            Ok(found.map(|(run_id, _)| *run_id).collect())
        });
    runs.expect_of_status().returning(|_, _| Ok(vec![]));
    let wish = LeaseWish {
        held: Some(vec![run_id(), other]),
        ..wish(LONG)
    };

    let leased = lease(runs, Ear::Never, signals, &wish).await.unwrap();

    assert_eq!(leased.stopping, [run_id()]);
}

/// The answer to its finish may be under way.
#[tokio::test]
async fn what_a_worker_has_finished_itself_ends_no_wait_of_it() {
    let mut runs = MockRuns::new();
    leases(&mut runs, vec![vec![], vec![ready(run_id())]]);
    let finished = RunId::new(now(), Random([9; 10]));
    let looks = Mutex::new([vec![], vec![finished]].into_iter());
    runs.expect_not_held_by()
        .times(2)
        .returning(move |_, _, _, _| Ok(looks.lock().unwrap().next().unwrap()));
    runs.expect_of_status()
        .once()
        .withf(|_, statuses| statuses == [Status::ReviewRequired, Status::Completed])
        .returning(|run_ids, _| Ok(run_ids.to_vec()));
    let wish = LeaseWish {
        held: Some(vec![finished]),
        ..wish(LONG)
    };

    let leased = lease(runs, Ear::Never, Ear::Never, &wish).await.unwrap();

    assert_eq!((leased.stopping, leased.runs.len()), (vec![], 1));
}

/// Runs of which a start of a worker holds one, that stands so.
fn holding(status: Status) -> MockRuns {
    let mut runs = MockRuns::new();
    runs.expect_held_by()
        .once()
        .returning(move |organization, of, statuses| {
            assert_eq!((organization, of), (None, holder()));
            let held = [run_id()].into_iter();
            Ok(held.filter(|_| statuses.contains(&status)).collect())
        });
    // It is canceled while the call waits.
    runs.expect_not_held_by()
        .returning(|_, _, run_ids, going_on| {
            let canceled = run_ids.iter().copied();
            Ok(canceled
                .filter(|_| !going_on.contains(&Status::Canceling))
                .collect())
        });
    runs
}

#[tokio::test]
async fn a_worker_that_does_not_say_what_it_holds_is_told_of_a_cancel_while_it_waits() {
    let mut runs = holding(Status::InteractionRequired);
    leases(&mut runs, vec![]);
    let wish = LeaseWish {
        held: None,
        ..wish(LONG)
    };

    let leased = lease(runs, Ear::Never, Ear::AtOnce, &wish).await.unwrap();

    assert_eq!(leased.stopping, [run_id()]);
}

#[tokio::test]
async fn what_was_to_stop_before_a_call_keeps_it_from_no_wait() {
    let mut runs = holding(Status::Canceling);
    leases(&mut runs, vec![vec![], vec![], vec![ready(run_id())]]);
    let wish = LeaseWish {
        held: None,
        ..wish(LONG)
    };

    let leased = lease(runs, Ear::Never, Ear::AtOnce, &wish).await.unwrap();

    assert_eq!(leased.stopping, []);
    assert_eq!(leased.runs.len(), 1, "it has waited for one");
}

#[tokio::test]
async fn a_run_that_does_not_open_is_failed_and_the_others_go_on() {
    let mut runs = MockRuns::new();
    let broken = RunId::new(now(), Random([9; 10]));
    // Sealed for another run.
    let foreign = seal_input(&OpenVault, run_id(), &json!({}));
    leases(
        &mut runs,
        vec![vec![leased(broken, foreign), ready(run_id())]],
    );
    runs.expect_command()
        .once()
        .withf(move |_, id, command, _| {
            let RunCommand::Worker {
                epoch: Epoch(1),
                command: WorkerCommand::Finish(finish),
            } = command
            else {
                return false;
            };
            *id == broken && matches!(finish.outcome, FinishOutcome::Failure { .. })
        })
        .returning(|_, _, _, _| Ok(commanded(running())));

    let leased = lease(runs, Ear::Never, Ear::Never, &wish(LONG))
        .await
        .unwrap();

    let ids: Vec<_> = leased.runs.iter().map(|it| it.leased.run.id).collect();
    assert_eq!(ids, [run_id()]);
}

#[tokio::test]
async fn a_start_that_is_not_the_latest_is_told_so() {
    let mut runs = MockRuns::new();
    runs.expect_lease().once().returning(|_| {
        Err(WriteError::Refused(Refusal::LeaseLost {
            given: Epoch(0),
            current: Epoch(0),
        }))
    });

    let refused = lease(runs, Ear::Never, Ear::Never, &wish(LONG)).await;

    assert!(matches!(
        refused.map(|_| ()),
        Err(CallError::Refused(Refusal::LeaseLost { .. }))
    ));
}
