//! What the stores do where the file fails half-way through a change, or holds a row that cannot
//! be: nothing is half done, and one broken row stops nothing but itself.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use windlass_application::ports::{Clock, StoreError, WriteError};
use windlass_conformance::clock::VirtualClock;
use windlass_conformance::stage::{Stage, output, seconds, success};
use windlass_conformance::store::{Fixture, Ports};
use windlass_domain::run::Status;
use windlass_domain::session::SessionStatus;
use windlass_domain::task::Concurrency;
use windlass_store_sqlite::SqliteStore;

/// A store, and another way into its file.
struct Opened {
    fixture: Fixture,
    file: Connection,
    _folder: TempDir,
}

async fn open() -> Opened {
    let folder = TempDir::new().expect("a temporary folder");
    let clock = Arc::new(VirtualClock::default());
    let path: PathBuf = folder.path().join("windlass.db");
    let store = SqliteStore::open(&path, Arc::clone(&clock) as Arc<dyn Clock>)
        .await
        .expect("a new file");
    let fixture = Fixture::new(Ports::of(&Arc::new(store)), clock).await;
    Opened {
        fixture,
        file: Connection::open(&path).expect("the file is there"),
        _folder: folder,
    }
}

fn execute(file: &Connection, statement: &str) {
    file.execute_batch(statement)
        .expect("a statement of the test");
}

#[tokio::test]
async fn a_change_whose_event_cannot_be_written_is_not_made() {
    let opened = open().await;
    let stage = Stage::new(&opened.fixture).await;
    opened.fixture.destination().await;
    let run = stage.begun().await;
    let session = stage.session(run.session_id).await;
    let events = stage.events().await;

    for (make, drop) in [
        (
            "CREATE TRIGGER no_event BEFORE INSERT ON event
             BEGIN SELECT RAISE(ABORT, 'no event'); END",
            "DROP TRIGGER no_event",
        ),
        (
            "CREATE TRIGGER no_delivery BEFORE INSERT ON delivery
             BEGIN SELECT RAISE(ABORT, 'no delivery'); END",
            "DROP TRIGGER no_delivery",
        ),
    ] {
        execute(&opened.file, make);
        let finished = stage
            .try_say(run.id, run.epoch, success(output()), None)
            .await;
        let started = opened
            .fixture
            .ports
            .runs
            .start(opened.fixture.write(), stage.new_run())
            .await;
        execute(&opened.file, drop);

        assert!(
            matches!(finished, Err(WriteError::Store(_))),
            "{finished:?}"
        );
        assert!(matches!(started, Err(WriteError::Store(_))), "{started:?}");
        assert_eq!(stage.run(run.id).await, run);
        assert_eq!(stage.session(run.session_id).await, session);
        assert_eq!(stage.events().await, events);
    }
    let finished = stage.say(&run, success(output())).await;
    assert_eq!(
        finished.status(),
        Status::Completed,
        "once it can be written"
    );
}

#[tokio::test]
async fn a_broken_row_is_named_with_the_rule_that_it_breaks() {
    let opened = open().await;
    let stage = Stage::new(&opened.fixture).await;
    let run = stage.started().await;
    execute(&opened.file, "UPDATE run SET status = 'running'");

    let read = opened
        .fixture
        .ports
        .runs
        .get(opened.fixture.organization, run.id)
        .await;

    let Err(StoreError::Corrupt { table, row, rule }) = read else {
        panic!("{read:?}");
    };
    assert_eq!((table, row), ("run", run.id.to_string()));
    assert_eq!(
        rule,
        "its status is that of its state, `queued`; it is `running`"
    );
}

#[tokio::test]
async fn a_broken_row_keeps_no_other_run_from_being_leased() {
    let opened = open().await;
    let stage = Stage::new(&opened.fixture).await;
    stage.started().await;
    execute(&opened.file, "UPDATE run SET state = '{}'");
    stage.pass(seconds(1));
    let whole = stage.started().await;

    let leased = stage.lease(stage.lease_request()).await;

    assert_eq!(leased.runs.len(), 1);
    assert_eq!(leased.runs[0].run.id, whole.id);
}

#[tokio::test]
async fn a_broken_row_stops_no_other_clock() {
    let opened = open().await;
    let stage = Stage::with(&opened.fixture, |it| it.queue_timeout = seconds(100)).await;
    stage.started().await;
    execute(&opened.file, "UPDATE run SET state = '{}'");
    stage.pass(seconds(1));
    let whole = stage.started().await;
    stage.pass(seconds(200));

    let first = opened
        .fixture
        .ports
        .runs
        .sweep(1)
        .await
        .expect("the store sweeps");
    let second = opened
        .fixture
        .ports
        .runs
        .sweep(1)
        .await
        .expect("the store sweeps");

    assert_eq!((first.acted, first.more), (0, true));
    assert_eq!(second.acted, 1);
    assert_eq!(stage.errors(whole.id).await, ["session/timeout"]);
}

#[tokio::test]
async fn a_broken_run_in_line_stops_no_other_clock() {
    let opened = open().await;
    let stage = Stage::new(&opened.fixture).await;
    let held = stage.begun().await;
    let mut last = held.clone();
    for _ in 0..5 {
        stage.pass(seconds(1));
        last = stage.start(stage.new_run_in(held.session_id)).await;
    }
    let id = last.id.uuid().simple();
    let statement = format!("UPDATE run SET state = '{{}}' WHERE id = x'{id}'");
    execute(&opened.file, &statement);
    stage.pass(seconds(1));
    let whole = stage.begun().await;
    stage.pass(seconds(60));

    let swept = opened.fixture.ports.runs.sweep(10).await.expect("a sweep");

    assert_eq!(swept.acted, 1);
    assert_eq!(stage.status(held.id).await, Status::Running);
    assert_eq!(stage.errors(whole.id).await, ["session/session_lost"]);
}

#[tokio::test]
async fn a_broken_row_keeps_no_worker_from_starting_anew() {
    let opened = open().await;
    let stage = Stage::new(&opened.fixture).await;
    stage.leased().await;
    execute(&opened.file, "UPDATE run SET state = '{}'");
    let whole = stage.leased().await;

    let registered = opened
        .fixture
        .ports
        .workers
        .register(None, "embedded", None)
        .await;

    assert_eq!(registered.expect("a second start").lost_leases, 1);
    assert_eq!(stage.status(whole.id).await, Status::Queued);
}

#[tokio::test]
async fn a_broken_row_keeps_nobody_else_from_a_slot() {
    let opened = open().await;
    let stage = Stage::with(&opened.fixture, |settings| {
        settings.concurrency = Some(Concurrency {
            per_credential: Some(1),
            per_source: None,
        });
    })
    .await;
    let first = stage.begun().await;
    stage.pass(seconds(1));
    let broken = stage.started().await;
    stage.pass(seconds(1));
    let whole = stage.started().await;
    let id = broken.id.uuid().simple();
    let statement = format!("UPDATE run SET state = '{{}}' WHERE id = x'{id}'");
    execute(&opened.file, &statement);

    stage.say(&first, success(output())).await;

    let next = stage.next().await.expect("the slot is free");
    assert_eq!(next.run.id, whole.id);
}

#[tokio::test]
async fn gates_that_cannot_be_opened_stop_no_clock() {
    let opened = open().await;
    let stage = Stage::new(&opened.fixture).await;
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;
    execute(&opened.file, "ALTER TABLE gate RENAME TO away");
    stage.pass(run.settings.session_idle + seconds(5));

    let swept = opened.fixture.ports.runs.sweep(10).await.expect("a sweep");

    assert_eq!(swept.acted, 1);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
}

#[tokio::test]
async fn a_broken_destination_stops_no_clock_and_no_lease_of_others() {
    let opened = open().await;
    let stage = Stage::with(&opened.fixture, |it| it.queue_timeout = seconds(100)).await;
    opened.fixture.destination().await;
    let run = stage.started().await;
    execute(&opened.file, "UPDATE destination SET events = 'broken'");

    let leased = stage.lease(stage.lease_request()).await;
    stage.pass(seconds(200));
    let swept = opened.fixture.ports.runs.sweep(10).await.expect("a sweep");

    assert_eq!((leased.runs.len(), swept.acted), (0, 0));
    assert_eq!(stage.status(run.id).await, Status::Queued);
}
