//! What commands and sweeps read does not grow with the runs that wait for the session.

use std::time::Duration;

use windlass_application::ports::runs::LeaseRequest;
use windlass_application::{Created, PageRequest, Position};
use windlass_conformance::stage::{Stage, cancel, output, success};
use windlass_domain::run::{Run, RunCommand, WorkerCommand};
use windlass_domain::session::{SessionCommand, SessionStatus};

use crate::conformance::open;
use crate::plans::{BACKLOG, FEW, execute, few, multiply, reads_of};
use crate::server::Database;

#[tokio::test]
async fn a_command_reads_what_it_changes_whoever_waits_for_the_session() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let held = stage.begun().await;
    let first = stage.start(stage.new_run_in(held.session_id)).await;
    let last = stage.start(stage.new_run_in(held.session_id)).await;
    queue_behind(&database, &first).await;
    let renew = WorkerCommand::Renew {
        length: Duration::from_secs(30),
    };

    for command in [
        RunCommand::Worker {
            epoch: held.epoch,
            command: renew,
        },
        RunCommand::Worker {
            epoch: held.epoch,
            command: success(output()),
        },
    ] {
        let read = reads_of(&database, &fixture, async |fixture| {
            let runs = &fixture.ports.runs;
            let told = runs.command(stage.worker_write(), held.id, command, None);
            told.await.expect("it is held");
        })
        .await;
        few(&read);
    }
    let read = reads_of(&database, &fixture, async |fixture| {
        let runs = &fixture.ports.runs;
        let canceled = runs.command(fixture.write(), last.id, cancel(), None);
        canceled.await.expect("it is queued");
    })
    .await;
    few(&read);

    let next = stage.next().await.expect("the session is free");
    assert_eq!(next.run.id, first.id, "the oldest goes first");
}

#[tokio::test]
async fn a_sweep_reads_each_run_that_waited_too_long_for_a_session_once() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let held = stage.begun().await;
    let first = stage.start(stage.new_run_in(held.session_id)).await;
    queue_behind(&database, &first).await;
    let renew = WorkerCommand::Renew {
        length: first.settings.queue_timeout * 2,
    };
    stage.say(&held, renew).await;
    let half = first.settings.queue_timeout / 2;
    stage.wait_until(first.updated_at + half);
    stage.say(&held, WorkerCommand::Touch).await;
    stage.wait_until(first.updated_at + half * 2);

    let read = reads_of(&database, &fixture, async |fixture| {
        let swept = fixture.ports.runs.sweep(10).await.expect("a sweep");
        assert_eq!((swept.acted, swept.more), (10, true));
    })
    .await;

    // Ten runs, each with the little that its decision needs.
    for (table, rows) in &read {
        assert!(*rows <= 10 * FEW, "{rows} rows of {table}: {read:?}");
    }
}

#[tokio::test]
async fn an_end_tells_everyone_who_waits_for_the_session() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let held = stage.begun().await;
    let first = stage.start(stage.new_run_in(held.session_id)).await;
    queue_behind(&database, &first).await;
    let end = SessionCommand::End {
        grace: Duration::from_secs(30),
    };

    let sessions = &fixture.ports.sessions;
    let ended = sessions.command(fixture.write(), held.session_id, end);
    ended.await.expect("it is at work");

    let waiting = "SELECT count(*) FROM run WHERE status <> 'canceled' AND id <> $1";
    let waiting: i64 = sqlx::query_scalar(waiting)
        .bind(held.id.uuid())
        .fetch_one(database.outside())
        .await
        .expect("how many wait");
    assert_eq!(waiting, 0);
}

/// A page of sessions with their runs, beside those of many others.
#[tokio::test]
async fn a_page_of_sessions_reads_the_runs_that_it_shows() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.started().await;
    multiply(&database, &run).await;
    let page = PageRequest {
        limit: 20,
        position: Position::Start,
    };

    // As the planner knows nothing of the tables, and as it knows all.
    for known in ["", "ANALYZE run, session"] {
        execute(&database, known).await;
        let read = reads_of(&database, &fixture, async |fixture| {
            let sessions = &fixture.ports.sessions;
            let all = Created::default();
            let listed = sessions.list(fixture.organization, all, page.clone());
            let listed = listed.await.expect("a list");
            assert_eq!(listed.items.len(), 20);
            assert!(listed.items.iter().all(|view| view.runs.len() == 1));
        })
        .await;
        few(&read);
    }
}

/// A drain that was broken off, beside a worker that keeps many sessions.
#[tokio::test]
async fn a_sweep_of_workers_reads_what_it_takes_whatever_others_keep() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let kept = stage.begun().await;
    stage.say(&kept, success(output())).await;
    let copies = format!(
        "INSERT INTO session
         SELECT (jsonb_populate_record(session, jsonb_build_object('id', gen_random_uuid()))).*
         FROM session, generate_series(1, {BACKLOG})"
    );
    execute(&database, &copies).await;
    let registered = fixture.ports.workers.register(None, "leaving", None).await;
    let request = LeaseRequest {
        holder: registered.expect("a start").holder,
        ..stage.lease_request()
    };
    let run = stage.started().await;
    let leased = stage.lease(request).await.runs;
    stage.say(&leased[0].run, success(output())).await;
    let draining = "UPDATE worker SET draining = true WHERE name = 'leaving'";
    execute(&database, draining).await;

    let read = reads_of(&database, &fixture, async |fixture| {
        let swept = fixture.ports.workers.sweep(10).await.expect("a sweep");
        assert_eq!((swept.acted, swept.more), (1, false));
    })
    .await;

    few(&read);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
}

/// Lets as many runs like this one wait behind it for their session.
async fn queue_behind(database: &Database, run: &Run) {
    let (run_id, organization_id) = (run.id.uuid(), run.organization_id.uuid());
    let statements = format!(
        "CREATE TABLE copy AS
             SELECT ('ffffffff' || substr(gen_random_uuid()::text, 9))::uuid AS run_id
             FROM generate_series(1, {BACKLOG});
         INSERT INTO run
             SELECT (jsonb_populate_record(run, jsonb_build_object('id', copy.run_id))).*
             FROM run, copy
             WHERE run.id = '{run_id}';
         INSERT INTO parked
             SELECT (jsonb_populate_record(
                 parked, jsonb_build_object('run_id', copy.run_id))).*
             FROM parked, copy
             WHERE parked.run_id = '{run_id}';
         UPDATE organization SET queued = queued + {BACKLOG} WHERE id = '{organization_id}';
         ANALYZE run, parked;"
    );
    execute(database, &statements).await;
}
