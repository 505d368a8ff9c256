//! What two replicas on one database promise each other of runs: neither does what the other does, and
//! neither waits for the other longer than it must.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::AssertSqlSafe;
use windlass_application::ports::runs::LeaseRequest;
use windlass_application::ports::{Clock, WriteError};
use windlass_conformance::stage::{Stage, output, seconds, success};
use windlass_conformance::store::{Fixture, Ports};
use windlass_domain::id::RunId;
use windlass_domain::run::{Refusal, Status};
use windlass_domain::session::SessionStatus;
use windlass_store_postgres::PostgresStore;

use crate::conformance::{open, open_at};
use crate::server::Database;

/// The same organizations through another store: another replica.
async fn replica(fixture: &Fixture, database: &Database) -> Fixture {
    let clock = Arc::clone(&fixture.clock);
    let store = PostgresStore::connect(database.url(), Some(clock as Arc<dyn Clock>)).await;
    fixture.with_ports(Ports::of(&Arc::new(store.expect("the same database"))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn leases_of_two_replicas_share_nothing() {
    const RUNS: usize = 40;
    let (fixture, database) = open().await;
    let other = replica(&fixture, &database).await;
    let stage = Stage::new(&fixture).await;
    for _ in 0..RUNS {
        stage.started().await;
    }

    let lease_all = async |fixture: &Fixture, name: &str| {
        let workers = &fixture.ports.workers;
        let holder = workers
            .register(None, name, None)
            .await
            .expect("a start")
            .holder;
        let mut leased = Vec::new();
        let mut nothing = 0;
        // What the other has locked at this moment is left out, and not lost.
        while nothing < 5 {
            let request = LeaseRequest {
                holder,
                capacity: 3,
                ..stage.lease_request()
            };
            let runs = fixture
                .ports
                .runs
                .lease(request)
                .await
                .expect("a lease")
                .runs;
            nothing = if runs.is_empty() { nothing + 1 } else { 0 };
            leased.extend(runs.into_iter().map(|leased| leased.run.id));
        }
        leased
    };
    let (one, two) = tokio::join!(lease_all(&fixture, "one"), lease_all(&other, "two"));

    let all: BTreeSet<RunId> = one.iter().chain(&two).copied().collect();
    assert_eq!(one.len() + two.len(), RUNS);
    assert_eq!(all.len(), RUNS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_sweepers_act_once_on_each_clock() {
    const RUNS: u32 = 12;
    let (fixture, database) = open().await;
    let other = replica(&fixture, &database).await;
    let stage = Stage::with(&fixture, |it| it.queue_timeout = seconds(100)).await;
    for _ in 0..RUNS {
        stage.started().await;
    }
    stage.pass(seconds(200));

    let sweep_all = async |fixture: &Fixture| {
        let mut acted = 0;
        for _ in 0..10 {
            acted += fixture.ports.runs.sweep(4).await.expect("a sweep").acted;
        }
        acted
    };
    let (one, two) = tokio::join!(sweep_all(&fixture), sweep_all(&other));

    assert_eq!(one + two, RUNS);
    let failed = stage.events().await;
    let failed = failed.iter().filter(|event| **event == "task_run.failed");
    assert_eq!(failed.count(), RUNS as usize);
}

#[tokio::test]
async fn a_lease_never_waits_for_a_run() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let taken = stage.started().await;
    stage.pass(seconds(1));
    let free = stage.started().await;
    let mut outside = database.outside().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM session WHERE id = $1 FOR NO KEY UPDATE")
        .bind(taken.session_id.uuid())
        .execute(&mut *outside)
        .await
        .expect("a lock");

    let asked = Instant::now();
    let leased = stage.lease(stage.lease_request()).await;
    let waited = asked.elapsed();
    outside.rollback().await.expect("a rollback");
    let later = stage.lease(stage.lease_request()).await;

    let ids = |runs: &[windlass_application::ports::runs::LeasedRun]| -> Vec<RunId> {
        runs.iter().map(|leased| leased.run.id).collect()
    };
    assert_eq!(ids(&leased.runs), [free.id]);
    assert_eq!(ids(&later.runs), [taken.id], "it is not lost");
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

#[tokio::test]
async fn a_session_that_somebody_has_hides_no_other_clock() {
    let (fixture, database) = open().await;
    let stage = Stage::with(&fixture, |it| it.queue_timeout = seconds(100)).await;
    let taken = stage.started().await;
    for _ in 0..4 {
        stage.start(stage.new_run_in(taken.session_id)).await;
    }
    stage.pass(seconds(1));
    let free = stage.started().await;
    stage.pass(seconds(200));
    let mut outside = database.outside().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM session WHERE id = $1 FOR NO KEY UPDATE")
        .bind(taken.session_id.uuid())
        .execute(&mut *outside)
        .await
        .expect("a lock");

    let swept = fixture.ports.runs.sweep(2).await.expect("a sweep");
    outside.rollback().await.expect("a rollback");

    assert_eq!((swept.acted, swept.more), (1, false));
    assert_eq!(stage.errors(free.id).await, ["session/timeout"]);
}

#[tokio::test]
async fn a_new_start_finds_what_a_lease_under_way_brings_to_the_one_before() {
    let (fixture, database) = open().await;
    let other = replica(&fixture, &database).await;
    let stage = Stage::new(&fixture).await;
    for _ in 0..10 {
        stage.started().await;
    }

    let (leased, registered) = tokio::join!(
        fixture.ports.runs.lease(stage.lease_request()),
        other.ports.workers.register(None, "embedded", None),
    );

    let registered = registered.expect("a second start");
    match leased {
        Ok(leased) => assert_eq!(registered.lost_leases as usize, leased.runs.len()),
        Err(WriteError::Refused(Refusal::LeaseLost { .. })) => {
            assert_eq!(registered.lost_leases, 0);
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_finish_waits_for_a_drain_under_way_and_keeps_nothing() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let held = stage.begun().await;
    let mut drain = database.outside().begin().await.expect("a transaction");
    // As a drain does it: an update alone waits for no finish, and no finish for it.
    for statement in [
        "SELECT FROM worker FOR UPDATE",
        "UPDATE worker SET draining = true",
    ] {
        let draining = sqlx::query(statement).execute(&mut *drain);
        draining.await.expect("nobody has it");
    }

    let (finished, ()) = tokio::join!(stage.say(&held, success(output())), async {
        database.wait_for_a_lock().await;
        drain.commit().await.expect("it drains");
    });

    assert_eq!(finished.status(), Status::Completed);
    let session = stage.session(held.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
}

#[tokio::test]
async fn a_drain_and_a_new_start_wait_for_a_finish_under_way() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let workers = &fixture.ports.workers;
    let finish = async || {
        let mut finish = database.outside().begin().await.expect("a transaction");
        let reads = sqlx::query("SELECT FROM worker FOR KEY SHARE").execute(&mut *finish);
        reads.await.expect("nobody has it");
        finish
    };
    let ends = async |finish: sqlx::Transaction<'_, sqlx::Postgres>| {
        database.wait_for_a_lock().await;
        finish.commit().await.expect("it is over");
    };

    let first = finish().await;
    let (drained, ()) = tokio::join!(workers.drain(stage.worker), ends(first));
    let second = finish().await;
    let (started, ()) = tokio::join!(workers.register(None, "embedded", None), ends(second));

    drained.expect("it is the latest start");
    assert_eq!(started.expect("a second start").holder.incarnation, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_are_numbered_without_a_gap_whoever_writes() {
    let (fixture, database) = open().await;
    let other = replica(&fixture, &database).await;
    let stage = Stage::new(&fixture).await;
    let before = fixture.events_of(fixture.organization).await.len();
    let start = async |fixture: &Fixture| {
        for _ in 0..15 {
            let started = fixture
                .ports
                .runs
                .start(fixture.write(), stage.new_run())
                .await;
            started.expect("it is started");
        }
    };

    tokio::join!(start(&fixture), start(&other));

    let events = fixture.events_of(fixture.organization).await;
    let numbers: Vec<u64> = events.iter().map(|event| event.sequence).collect();
    let expected: Vec<u64> = (1..).take(before + 2 * 2 * 15).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test]
async fn a_transaction_that_a_deadlock_ends_is_run_again() {
    let database = Database::migrated().await;
    // The server looks for a deadlock once, after a while of waiting: long enough that the store still
    // waits when the other way around begins, and shorter than the store's patience with a lock (5 s).
    let looks = format!(
        "ALTER DATABASE {} SET deadlock_timeout = '3s'",
        database.name()
    );
    let set = sqlx::raw_sql(AssertSqlSafe(looks)).execute(database.outside());
    set.await.expect("a setting for connections to come");
    let fixture = open_at(database.url()).await;
    let stage = Stage::new(&fixture).await;
    let run = stage.begun().await;
    let mut outside = database.outside().begin().await.expect("a transaction");
    sqlx::query("SET LOCAL deadlock_timeout = '5min'")
        .execute(&mut *outside)
        .await
        .expect("a setting");
    sqlx::query("SELECT FROM live WHERE run_id = $1 FOR UPDATE")
        .bind(run.id.uuid())
        .execute(&mut *outside)
        .await
        .expect("a lock");

    // The store has the session and waits for the run's place, and the other way around here.
    let crossed = async {
        database.wait_for_a_lock().await;
        sqlx::query("SELECT FROM session WHERE id = $1 FOR UPDATE")
            .bind(run.session_id.uuid())
            .execute(&mut *outside)
            .await
            .expect("the store's transaction is the one that ends");
        outside.commit().await.expect("a commit");
    };
    let finish = stage.try_say(run.id, run.epoch, success(output()), None);
    let (finished, ()) = tokio::join!(finish, crossed);

    assert_eq!(
        finished.expect("the second try").run.run.status(),
        Status::Completed
    );
}
