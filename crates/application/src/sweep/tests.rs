//! What a sweeper asks the stores, and when.

use std::sync::atomic::{AtomicU32, Ordering};

use windlass_domain::lifecycle::Signal;

use super::*;
use crate::fixture::run_id;
use crate::ports::destinations::MockDestinations;
use crate::ports::runs::MockRuns;
use crate::ports::signals::{MockQueue, MockSignals};
use crate::ports::workers::MockWorkers;

/// A sweeper that goes on for a moment; answers how often it told something.
async fn sweeps(runs: MockRuns, workers: MockWorkers, workers_after: Duration) -> u32 {
    let mut destinations = MockDestinations::new();
    destinations.expect_sweep().returning(|_| Ok(false));
    sweeps_with(runs, workers, destinations, workers_after).await
}

async fn sweeps_with(
    runs: MockRuns,
    workers: MockWorkers,
    destinations: MockDestinations,
    workers_after: Duration,
) -> u32 {
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    let mut signals = MockSignals::new();
    signals.expect_send().returning(move |signals| {
        count.fetch_add(u32::from(!signals.is_empty()), Ordering::SeqCst);
    });
    let sweeper = Sweeper {
        runs: Arc::new(runs),
        workers: Arc::new(workers),
        destinations: Arc::new(destinations),
        announcer: Announcer::new(Arc::new(MockQueue::new()), Arc::new(signals)),
        workers_after,
    };
    let stop = CancellationToken::new();
    let stopper = stop.clone();
    let (_, ()) = tokio::join!(sweeper.run_until(&stop), async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stopper.cancel();
    });
    told.load(Ordering::SeqCst)
}

fn acted() -> Swept {
    Swept {
        acted: 1,
        more: false,
        signals: vec![Signal::RunChanged { run_id: run_id() }],
    }
}

#[tokio::test]
async fn no_worker_is_gone_because_the_server_was() {
    let mut runs = MockRuns::new();
    runs.expect_sweep().returning(|_| Ok(acted()));
    let mut workers = MockWorkers::new();
    workers.expect_sweep().never();

    assert_eq!(sweeps(runs, workers, Duration::from_secs(45)).await, 1);
}

#[tokio::test]
async fn workers_that_are_gone_are_told_of_and_a_store_that_fails_stops_nothing() {
    let mut runs = MockRuns::new();
    runs.expect_sweep()
        .returning(|_| Err(StoreError::Unavailable("it is busy".into())));
    let mut workers = MockWorkers::new();
    workers.expect_sweep().times(1).returning(|_| Ok(acted()));

    assert_eq!(sweeps(runs, workers, Duration::ZERO).await, 1);
}

#[tokio::test]
async fn what_is_left_of_deleted_destinations_is_dropped_step_by_step_beside_the_clocks() {
    let mut runs = MockRuns::new();
    runs.expect_sweep()
        .times(3..)
        .returning(|_| Ok(Swept::default()));
    let mut destinations = MockDestinations::new();
    let mut steps = [
        Ok(true),
        Ok(true),
        Err(StoreError::Unavailable("it is busy".into())),
    ]
    .into_iter();
    destinations
        .expect_sweep()
        .times(3)
        .returning(move |_| steps.next().expect("after a failure it is looked later"));

    let after = Duration::from_secs(45);
    let told = sweeps_with(runs, MockWorkers::new(), destinations, after).await;

    assert_eq!(told, 0);
}
