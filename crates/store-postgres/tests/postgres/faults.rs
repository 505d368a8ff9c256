//! What the stores do where the database fails half-way through a change, is not there for a
//! while, or holds a row that cannot be: nothing is half done, nothing is done twice, and one broken
//! row stops nothing but itself.

use sqlx::AssertSqlSafe;
use windlass_application::Written;
use windlass_application::ports::{StoreError, WriteError};
use windlass_conformance::stage::{Stage, cancel, output, seconds, success};
use windlass_domain::run::{Epoch, Status};
use windlass_domain::session::SessionStatus;
use windlass_domain::slot::Caps;
use windlass_domain::task::Concurrency;

use crate::conformance::{open, open_at};
use crate::proxy::{Cut, Proxy};
use crate::server::Database;

#[tokio::test]
async fn a_change_whose_event_cannot_be_written_is_not_made() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    fixture.destination().await;
    let run = stage.begun().await;
    let session = stage.session(run.session_id).await;
    let events = stage.events().await;

    for table in ["event", "delivery"] {
        let constraint = format!("ALTER TABLE {table} ADD CONSTRAINT none CHECK (false) NOT VALID");
        database.execute(constraint).await;
        let finished = stage
            .try_say(run.id, run.epoch, success(output()), None)
            .await;
        let started = fixture
            .ports
            .runs
            .start(fixture.write(), stage.new_run())
            .await;
        database
            .execute(format!("ALTER TABLE {table} DROP CONSTRAINT none"))
            .await;

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
async fn a_lock_that_does_not_come_is_answered_and_the_next_call_works() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.begun().await;
    let mut outside = database.outside().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM session WHERE id = $1 FOR UPDATE")
        .bind(run.session_id.uuid())
        .execute(&mut *outside)
        .await
        .expect("a lock");

    let refused = stage.command(run.id, cancel()).await;
    outside.rollback().await.expect("a rollback");
    let canceled = stage.command(run.id, cancel()).await;

    let is_unavailable = matches!(refused, Err(WriteError::Store(StoreError::Unavailable(_))));
    assert!(is_unavailable, "{refused:?}");
    assert_eq!(
        canceled.expect("it is free").run.run.status(),
        Status::Canceling
    );
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_answered_and_the_next_call_works() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.begun().await;
    let mut outside = database.outside().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM session WHERE id = $1 FOR UPDATE")
        .bind(run.session_id.uuid())
        .execute(&mut *outside)
        .await
        .expect("a lock");

    let ended = async {
        database.wait_for_a_lock().await;
        database.end_connections_that_wait().await;
    };
    let (refused, ()) = tokio::join!(stage.command(run.id, cancel()), ended);
    outside.rollback().await.expect("a rollback");
    let canceled = stage.command(run.id, cancel()).await;

    let is_unavailable = matches!(refused, Err(WriteError::Store(StoreError::Unavailable(_))));
    assert!(is_unavailable, "{refused:?}");
    assert_eq!(
        canceled.expect("a new connection").run.run.status(),
        Status::Canceling
    );
}

#[tokio::test]
async fn a_call_that_is_given_up_leaves_no_transaction_open() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.begun().await;
    let mut outside = database.outside().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM session WHERE id = $1 FOR UPDATE")
        .bind(run.session_id.uuid())
        .execute(&mut *outside)
        .await
        .expect("a lock");

    tokio::select! {
        _ = stage.command(run.id, cancel()) => panic!("it waits"),
        () = database.wait_for_a_lock() => {}
    }
    outside.rollback().await.expect("a rollback");

    // As many as there are connections, so that each of them is used again.
    for _ in 0..20 {
        assert_eq!(stage.run(run.id).await, run);
    }
    let canceled = stage.command(run.id, cancel()).await;
    assert_eq!(
        canceled.expect("nobody has it").run.run.status(),
        Status::Canceling
    );
    database.wait_for_no_transaction().await;
}

#[tokio::test]
async fn what_is_refused_holds_no_lock_when_it_is_answered() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.begun().await;
    let mut outside = database.outside().acquire().await.expect("a connection");

    for _ in 0..50 {
        let refused = stage
            .try_say(run.id, Epoch::NONE, success(output()), None)
            .await;
        let locked = sqlx::query("SELECT FROM session WHERE id = $1 FOR UPDATE NOWAIT")
            .bind(run.session_id.uuid())
            .execute(&mut *outside)
            .await;

        let is_refused = matches!(refused, Err(WriteError::Refused(_)));
        assert!(is_refused, "{refused:?}");
        locked.expect("nobody has it");
    }
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_asked_for() {
    let database = Database::migrated().await;
    let proxy = Proxy::before(database.url()).await;
    let fixture = open_at(&proxy.url(database.url())).await;
    let stage = Stage::new(&fixture).await;
    let start = stage.new_run();
    let run_id = start.run.id;

    proxy.cut_at_commit(Cut::AfterTheServerHeard);
    let started = fixture.ports.runs.start(fixture.write(), start).await;

    assert!(matches!(started, Ok(Written::Done(_))), "{started:?}");
    assert_eq!(stage.status(run_id).await, Status::Queued);
    assert!(proxy.has_cut());
}

#[tokio::test]
async fn a_commit_that_the_server_never_heard_changes_nothing() {
    let database = Database::migrated().await;
    let proxy = Proxy::before(database.url()).await;
    let fixture = open_at(&proxy.url(database.url())).await;
    let stage = Stage::new(&fixture).await;
    let start = stage.new_run();
    let run_id = start.run.id;
    let events = stage.events().await;

    proxy.cut_at_commit(Cut::BeforeTheServerHears);
    let started = fixture.ports.runs.start(fixture.write(), start).await;

    let is_unavailable = matches!(started, Err(WriteError::Store(StoreError::Unavailable(_))));
    assert!(is_unavailable, "{started:?}");
    assert_eq!(stage.view_of(fixture.organization, run_id).await, None);
    assert_eq!(stage.events().await, events);
    assert!(proxy.has_cut());
}

#[tokio::test]
async fn a_broken_row_is_named_with_the_rule_that_it_breaks() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.started().await;
    database.execute("UPDATE run SET status = 'running'").await;

    let read = fixture.ports.runs.get(fixture.organization, run.id).await;

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
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    stage.started().await;
    database.execute("UPDATE run SET state = '{}'").await;
    stage.pass(seconds(1));
    let whole = stage.started().await;

    let leased = stage.lease(stage.lease_request()).await;

    assert_eq!(leased.runs.len(), 1);
    assert_eq!(leased.runs[0].run.id, whole.id);
}

#[tokio::test]
async fn a_broken_row_stops_no_other_clock() {
    let (fixture, database) = open().await;
    let stage = Stage::with(&fixture, |it| it.queue_timeout = seconds(100)).await;
    stage.started().await;
    database.execute("UPDATE run SET state = '{}'").await;
    stage.pass(seconds(1));
    let whole = stage.started().await;
    stage.pass(seconds(200));

    let swept = fixture.ports.runs.sweep(1).await.expect("a sweep");

    assert_eq!(swept.acted, 1);
    assert_eq!(stage.errors(whole.id).await, ["session/timeout"]);
}

#[tokio::test]
async fn a_broken_row_keeps_no_worker_from_starting_anew() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    stage.leased().await;
    database.execute("UPDATE run SET state = '{}'").await;
    let whole = stage.leased().await;

    let registered = fixture.ports.workers.register(None, "embedded", None).await;

    assert_eq!(registered.expect("a second start").lost_leases, 1);
    assert_eq!(stage.status(whole.id).await, Status::Queued);
}

#[tokio::test]
async fn a_broken_row_keeps_nobody_else_from_a_slot() {
    let (fixture, database) = open().await;
    let stage = Stage::with(&fixture, |settings| {
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
    let id = broken.id.uuid();
    let statement = format!("UPDATE run SET state = '{{}}' WHERE id = '{id}'");
    database.execute(statement).await;

    stage.say(&first, success(output())).await;

    let next = stage.next().await.expect("the slot is free");
    assert_eq!(next.run.id, whole.id);
}

#[tokio::test]
async fn gates_that_cannot_be_opened_stop_no_clock() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;
    database.execute("ALTER TABLE gate RENAME TO away").await;
    stage.pass(run.settings.session_idle + seconds(5));

    let swept = fixture.ports.runs.sweep(10).await.expect("a sweep");

    assert_eq!(swept.acted, 1);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
}

#[tokio::test]
async fn a_gate_that_somebody_has_is_left_to_whoever_that_is() {
    let (fixture, database) = open().await;
    let few = fixture.with_caps(sessions(1)).await;
    let stage = Stage::new(&few).await;
    for _ in 0..2 {
        stage.started().await;
    }
    stage.next().await.expect("one may be leased");
    let raised = fixture.with_caps(sessions(2)).await;
    let mut outside = database.outside().begin().await.expect("a transaction");
    let locked = sqlx::query("SELECT 1 FROM gate FOR NO KEY UPDATE");
    locked.execute(&mut *outside).await.expect("nobody has it");

    let swept = raised.ports.runs.sweep(10).await.expect("it does not wait");
    assert_eq!(swept.signals, []);
    outside.rollback().await.expect("nothing was changed");
    stage.pass(seconds(60));
    raised.ports.runs.sweep(10).await.expect("a sweep");

    assert!(stage.next().await.is_some(), "a later look lets it in");
}

fn sessions(sessions: u32) -> Caps {
    Caps {
        sessions,
        ..Caps::default()
    }
}

impl Database {
    /// A statement of a test, from outside.
    async fn execute(&self, statement: impl Into<String>) {
        sqlx::raw_sql(AssertSqlSafe(statement.into()))
            .execute(self.outside())
            .await
            .expect("a statement of the test");
    }

    /// Ends the connections that wait for a lock.
    async fn end_connections_that_wait(&self) {
        let ended = sqlx::query(
            "SELECT pg_terminate_backend(pid)
             FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        ended
            .execute(self.outside())
            .await
            .expect("a superuser may");
    }

    /// Returns once no connection of a store has a transaction open.
    async fn wait_for_no_transaction(&self) {
        self.wait_until(
            "SELECT NOT EXISTS (
                 SELECT FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'windlass'
                   AND state LIKE 'idle in transaction%'
             )",
        )
        .await;
    }
}
