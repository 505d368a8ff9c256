//! When a wait ends.

use std::sync::atomic::{AtomicBool, Ordering};

use windlass_domain::run::RunState;

use super::*;
use crate::fixture::{asking, organization, queued, run_id, view};
use crate::ports::runs::MockRuns;
use crate::ports::signals::{Listener, MockListener, MockSignals};

/// Where a wait should end before it is over: it would answer the run as it is.
const LONG: Duration = Duration::from_secs(60);

/// Where a wait should be over.
const SHORT: Duration = Duration::from_millis(20);

/// Nobody is ever told anything.
fn silent() -> MockSignals {
    struct Silent;
    #[async_trait::async_trait]
    impl Listener for Silent {
        async fn heard(&mut self) {
            std::future::pending::<()>().await;
        }
    }
    let mut signals = MockSignals::new();
    signals.expect_listen().returning(|_| Box::new(Silent));
    signals
}

/// A run that asks its person as soon as `settled` is set.
fn runs(settled: Arc<AtomicBool>) -> MockRuns {
    let state = move || -> RunState {
        if settled.load(Ordering::SeqCst) {
            asking()
        } else {
            queued()
        }
    };
    let mut runs = MockRuns::new();
    let found = state.clone();
    runs.expect_get()
        .returning(move |_, id| Ok((id == run_id()).then(|| view(found()))));
    runs.expect_of_status().returning(move |ids, statuses| {
        let is_of_status = statuses.contains(&state().status());
        Ok(ids.iter().copied().filter(|_| is_of_status).collect())
    });
    runs
}

fn wait(runs: MockRuns, signals: MockSignals) -> Arc<WaitForRun> {
    Arc::new(WaitForRun::new(Arc::new(runs), Arc::new(signals)))
}

#[tokio::test]
async fn a_run_that_needs_somebody_is_answered_at_once() {
    let wait = wait(runs(Arc::new(AtomicBool::new(true))), silent());

    let view = wait
        .execute(organization(), run_id(), LONG, &CancellationToken::new())
        .await
        .unwrap();

    assert_eq!(view.run.status(), Status::InteractionRequired);
    assert!(wait.lock().is_empty(), "nobody waits any more");
}

#[tokio::test]
async fn a_signal_ends_a_wait() {
    let settled = Arc::new(AtomicBool::new(false));
    let mut signals = MockSignals::new();
    let sets = settled.clone();
    signals.expect_listen().returning(move |_| {
        let sets = sets.clone();
        let mut listener = MockListener::new();
        listener.expect_heard().returning(move || {
            sets.store(true, Ordering::SeqCst);
        });
        Box::new(listener)
    });
    let wait = wait(runs(settled), signals);

    let view = wait
        .execute(organization(), run_id(), LONG, &CancellationToken::new())
        .await
        .unwrap();

    assert_eq!(view.run.status(), Status::InteractionRequired);
}

#[tokio::test]
async fn a_lost_signal_costs_time_alone() {
    let settled = Arc::new(AtomicBool::new(false));
    let wait = wait(runs(settled.clone()), silent());
    let stop = CancellationToken::new();
    let looking = wait.clone();
    let stopped = stop.clone();
    let look = tokio::spawn(async move { looking.look_until(&stopped).await });
    let started = Instant::now();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        settled.store(true, Ordering::SeqCst);
    });

    let view = wait
        .execute(organization(), run_id(), LONG, &stop)
        .await
        .unwrap();

    assert_eq!(view.run.status(), Status::InteractionRequired);
    assert!(
        started.elapsed() <= 2 * LOOK_EVERY,
        "{:?}",
        started.elapsed()
    );
    stop.cancel();
    look.await.unwrap();
}

#[tokio::test]
async fn a_wait_that_is_over_answers_the_run_as_it_is() {
    let wait = wait(runs(Arc::new(AtomicBool::new(false))), silent());

    let view = wait
        .execute(organization(), run_id(), SHORT, &CancellationToken::new())
        .await
        .unwrap();

    assert_eq!(view.run.status(), Status::Queued);
}

#[tokio::test]
async fn a_stop_answers_every_wait() {
    let wait = wait(runs(Arc::new(AtomicBool::new(false))), silent());
    let stop = CancellationToken::new();
    stop.cancel();

    let answered = wait.execute(organization(), run_id(), LONG, &stop);
    let view = tokio::time::timeout(LONG / 2, answered)
        .await
        .expect("a stop ends the wait")
        .unwrap();

    assert_eq!(view.run.status(), Status::Queued);
}
