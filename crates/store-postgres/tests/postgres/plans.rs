//! What the hot statements read does not grow with what waits behind it: the server counts what
//! they read of tables and indexes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use windlass_application::ports::Clock;
use windlass_application::ports::WriteError;
use windlass_application::ports::runs::{LeaseRequest, RunFilter};
use windlass_application::{PageRequest, Position};
use windlass_conformance::stage::{Stage, output, success};
use windlass_conformance::store::{Fixture, Ports};
use windlass_domain::delivery::{Attempt, Next};
use windlass_domain::run::{Run, Status};
use windlass_domain::slot::Caps;
use windlass_domain::task::Review;
use windlass_store_postgres::PostgresStore;

use crate::conformance::open;
use crate::server::Database;

/// How many runs wait.
pub(crate) const BACKLOG: i64 = 3_000;

/// The most that a statement may read of one table for a handful of runs.
pub(crate) const FEW: i64 = 150;

/// Rows that were read of tables, and entries that were taken from their indexes.
const READS: &str = "SELECT tables.relname::text,
                (tables.seq_tup_read + coalesce((
                    SELECT sum(indexes.idx_tup_read)
                    FROM pg_stat_user_indexes AS indexes
                    WHERE indexes.relid = tables.relid
                ), 0))::bigint
         FROM pg_stat_user_tables AS tables";

/// Blocks of tables and of their indexes that were looked into.
const BLOCKS: &str = "SELECT relname::text,
                (heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0))::bigint
         FROM pg_statio_user_tables";

#[tokio::test]
async fn a_lease_reads_what_it_brings_whatever_waits() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.started().await;
    multiply(&database, &run).await;

    let read = reads_of(&database, &fixture, async |fixture| {
        let request = LeaseRequest {
            capacity: 2,
            ..stage.lease_request()
        };
        let leased = fixture.ports.runs.lease(request).await.expect("a lease");
        assert_eq!(leased.runs.len(), 2);
    })
    .await;

    few(&read);
}

#[tokio::test]
async fn a_sweep_reads_what_is_due_whatever_waits() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let due = stage.started().await;
    multiply(&database, &due).await;
    let later = format!(
        "UPDATE queue SET check_at = check_at + 1000000 WHERE run_id <> '{}'",
        due.id.uuid()
    );
    execute(&database, &later).await;
    // The entries of before are as good as gone in the index.
    execute(&database, "VACUUM queue").await;
    stage.wait_until(due.updated_at + due.settings.queue_timeout);

    let read = reads_of(&database, &fixture, async |fixture| {
        let swept = fixture.ports.runs.sweep(10).await.expect("a sweep");
        assert_eq!((swept.acted, swept.more), (1, false));
    })
    .await;

    few(&read);
}

#[tokio::test]
async fn a_page_reads_its_own_runs_whatever_is_kept() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.started().await;
    multiply(&database, &run).await;
    let by = |change: fn(&mut RunFilter, &Run)| {
        let mut filter = RunFilter::default();
        change(&mut filter, &run);
        filter
    };
    let filters = [
        by(|_, _| {}),
        by(|filter, run| filter.task_id = Some(run.task_id.clone())),
        by(|filter, run| filter.credential_id = run.credential_id),
        by(|filter, run| filter.session_id = Some(run.session_id)),
    ];

    for filter in filters {
        let page = PageRequest {
            limit: 20,
            position: Position::Start,
        };
        let expected = if filter.session_id.is_some() { 1 } else { 20 };
        let read = reads_of(&database, &fixture, async |fixture| {
            let listed = fixture
                .ports
                .runs
                .list(fixture.organization, filter.clone(), page.clone())
                .await
                .expect("a list");
            assert_eq!(listed.items.len(), expected);
        })
        .await;

        few(&read);
    }
}

#[tokio::test]
async fn a_timeline_reads_its_own_run_whatever_is_kept() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.started().await;
    multiply(&database, &run).await;
    let events = format!(
        "INSERT INTO event (id, organization_id, sequence, type, created_at, run_id, version,
                            runtime_ms)
         SELECT gen_random_uuid(), organization_id, 1000000 + row_number() OVER (), 'task_run.queued',
                created_at, id, 1, 0
         FROM run
         WHERE id <> '{}'",
        run.id.uuid()
    );
    execute(&database, &events).await;

    let read = reads_of(&database, &fixture, async |fixture| {
        let runs = &fixture.ports.runs;
        let timeline = runs.timeline(fixture.organization, run.id).await;
        assert_eq!(timeline.expect("a timeline").len(), 1);
    })
    .await;

    few(&read);
}

#[tokio::test]
async fn a_destinations_deletion_reads_nothing_of_what_was_delivered() {
    let (fixture, database) = open().await;
    let destination = fixture.destination().await;
    fixture.agent("agt_1").await;
    fixture.next_second();
    fixture.agent("agt_2").await;
    let deliveries = &fixture.ports.deliveries;
    let minute = Duration::from_secs(60);
    let leased = deliveries.lease(1, 1, &[], minute).await.expect("a lease");
    let attempt = Attempt {
        at: fixture.now(),
        status_code: Some(503),
        duration: minute,
        error: None,
        retry_after: None,
    };
    let park = Next::Park { deactivate: false };
    let parked = deliveries.record(leased[0].delivery.id, attempt, park);
    parked.await.expect("it is kept");
    let delivered = format!(
        "INSERT INTO delivery
         SELECT (jsonb_populate_record(delivery, jsonb_build_object(
             'id', gen_random_uuid(), 'next_attempt_at', NULL, 'delivered_at', 1))).*
         FROM delivery, generate_series(1, {BACKLOG})
         WHERE delivery.next_attempt_at IS NOT NULL"
    );
    execute(&database, &delivered).await;

    let read = reads_of(&database, &fixture, async |fixture| {
        let destinations = &fixture.ports.destinations;
        let deleted = destinations.delete(fixture.write(), destination.id).await;
        deleted.expect("it is there");
        while destinations.sweep(100).await.expect("a sweep") {}
    })
    .await;

    few(&read);
    let (left, attempts): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM delivery WHERE delivered_at IS NULL),
                (SELECT count(*) FROM delivery_attempt)",
    )
    .fetch_one(database.outside())
    .await
    .expect("what is left");
    assert_eq!((left, attempts), (0, 0));
}

/// Whoever writes events of the organization, and so whoever starts a run, waits for the deletion.
#[tokio::test]
async fn a_destinations_deletion_drops_nothing_of_a_long_backlog() {
    let (fixture, database) = open().await;
    let destination = fixture.destination().await;
    fixture.agent("agt_1").await;
    let undelivered = format!(
        "INSERT INTO delivery
         SELECT (jsonb_populate_record(delivery, jsonb_build_object('id', gen_random_uuid()))).*
         FROM delivery, generate_series(1, {BACKLOG})"
    );
    execute(&database, &undelivered).await;
    let destinations = &fixture.ports.destinations;

    let read = reads_of(&database, &fixture, async |fixture| {
        let destinations = &fixture.ports.destinations;
        let deleted = destinations.delete(fixture.write(), destination.id).await;
        deleted.expect("it is there");
    })
    .await;
    let step = reads_of(&database, &fixture, async |fixture| {
        let more = fixture.ports.destinations.sweep(20).await;
        assert!(more.expect("a sweep"));
    })
    .await;

    few(&read);
    few(&step);
    while destinations.sweep(1_000).await.expect("a sweep") {}
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM delivery")
        .fetch_one(database.outside())
        .await
        .expect("what is left");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_deletion_finds_the_runs_that_hold_it_whatever_others_have() {
    let (fixture, database) = open().await;
    let stage = Stage::with(&fixture, |settings| settings.review = Review::Required).await;
    let reviewed = stage.begun().await;
    stage.say(&reviewed, success(output())).await;
    stage.leased().await;
    stage.started().await;
    let stranger = fixture.stranger.organization_id().uuid();
    let worker = stage.worker.worker_id.uuid();
    let places = format!(
        "CREATE TABLE copy AS
             SELECT gen_random_uuid() AS run_id, gen_random_uuid() AS session_id
             FROM generate_series(1, 20000);
         INSERT INTO queue
             SELECT copy.run_id, '{stranger}', queue.pool, '', 1, copy.session_id, 0 FROM copy, queue;
         INSERT INTO live SELECT run_id, '{stranger}', '{worker}', 1, session_id, 0, 0 FROM copy;
         INSERT INTO parked
             SELECT run_id, '{stranger}', 'source', '', '', '', 1, session_id, 0 FROM copy;
         INSERT INTO review SELECT run_id, '{stranger}', session_id FROM copy"
    );
    execute(&database, &places).await;

    let touched = blocks_of(&database, &fixture, async |fixture| {
        let tasks = &fixture.ports.tasks;
        let task = tasks.delete(fixture.write(), &stage.task.id).await;
        let sources = &fixture.ports.sources;
        let source = sources.delete(fixture.write(), &stage.source.id).await;
        let by = |deleted| match deleted {
            Err(WriteError::InUse { by }) => by,
            other => panic!("it is in use, not {other:?}"),
        };
        assert_eq!(by(task), "3 task runs");
        assert_eq!(by(source), "1 credential and 3 task runs");
    })
    .await;

    // Of each place's indexes some hundreds are there.
    for place in ["queue", "live", "parked", "review"] {
        let blocks = of(&touched, place);
        assert!((1..=40).contains(&blocks), "{place}: {touched:?}");
    }
}

#[tokio::test]
async fn a_workers_calls_read_its_row_once_in_a_while() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let holder = stage.worker;
    let calls = async |fixture: &Fixture| {
        for _ in 0..10 {
            let seen = fixture.ports.workers.seen(holder).await;
            seen.expect("the store notes it");
        }
    };

    let read = reads_of(&database, &fixture, async |fixture| {
        calls(fixture).await;
        fixture.clock.advance(Duration::from_secs(15));
        calls(fixture).await;
    })
    .await;

    // To see who it is, twice, and to note it, once: it had just started.
    assert_eq!(of(&read, "worker"), 3, "{read:?}");
    let seen_at: i64 = sqlx::query_scalar("SELECT last_seen_at FROM worker")
        .fetch_one(database.outside())
        .await
        .expect("the row");
    assert_eq!(seen_at, fixture.now().millis());
}

#[tokio::test]
async fn what_a_worker_holds_is_read_whatever_others_hold() {
    let (fixture, database) = open().await;
    let stage = Stage::new(&fixture).await;
    let run = stage.begun().await;
    let run_id = run.id.uuid();
    let others = format!(
        "CREATE TABLE copy AS
             SELECT gen_random_uuid() AS run_id, gen_random_uuid() AS worker_id
             FROM generate_series(1, {BACKLOG});
         INSERT INTO run
             SELECT (jsonb_populate_record(run, jsonb_build_object('id', copy.run_id))).*
             FROM run, copy
             WHERE run.id = '{run_id}';
         INSERT INTO live
             SELECT (jsonb_populate_record(live, jsonb_build_object(
                 'run_id', copy.run_id, 'worker_id', copy.worker_id))).*
             FROM live, copy
             WHERE live.run_id = '{run_id}';
         ANALYZE run; ANALYZE live;"
    );
    execute(&database, &others).await;

    let read = reads_of(&database, &fixture, async |fixture| {
        let runs = &fixture.ports.runs;
        let held = runs.held_by(None, stage.worker, &[Status::Running]).await;
        assert_eq!(held.expect("the store reads"), [run.id]);
        let going_on = [Status::Running];
        let not_held = runs
            .not_held_by(None, stage.worker, &[run.id], &going_on)
            .await;
        assert_eq!(not_held.expect("the store reads"), []);
    })
    .await;

    few(&read);
}

#[tokio::test]
async fn a_look_at_who_waits_passes_over_gates_and_sessions_that_it_has_not_to_see() {
    let (fixture, database) = open().await;
    let caps = Caps {
        sessions: 1,
        ..Caps::default()
    };
    let fixture = fixture.with_caps(caps).await;
    let stage = Stage::new(&fixture).await;
    stage.started().await;
    // For whom the store of the measured call has a slot.
    stage.started().await;
    let organization = fixture.organization.organization_id().uuid();
    let places = format!(
        "INSERT INTO gate
             SELECT '{organization}', 'credential', gen_random_uuid()::text, 0
             FROM generate_series(1, 20000);
         INSERT INTO parked
             SELECT gen_random_uuid(), '{organization}', 'session', gen_random_uuid()::text, '', '',
                    1, gen_random_uuid(), parked.check_at
             FROM parked, generate_series(1, 20000)"
    );
    execute(&database, &places).await;

    let touched = blocks_of(&database, &fixture, async |fixture| {
        let swept = fixture.ports.runs.sweep(10).await;
        assert!(!swept.expect("a sweep").signals.is_empty());
    })
    .await;

    for table in ["gate", "parked"] {
        let blocks = of(&touched, table);
        assert!((1..=60).contains(&blocks), "{table}: {touched:?}");
    }
}

/// How much was read of a table.
fn of(read: &[(String, i64)], table: &str) -> i64 {
    let of = read.iter().find(|(name, _)| name == table);
    of.map_or(0, |(_, rows)| *rows)
}

pub(crate) fn few(read: &[(String, i64)]) {
    assert!(!read.is_empty(), "something is read");
    for (table, rows) in read {
        assert!(*rows <= FEW, "{rows} rows of {table}: {read:?}");
    }
}

/// Makes a long backlog of a run that waits: as many like it, each in a session like its own.
pub(crate) async fn multiply(database: &Database, run: &Run) {
    let (run_id, session_id) = (run.id.uuid(), run.session_id.uuid());
    let statements = format!(
        "CREATE TABLE copy AS
             SELECT gen_random_uuid() AS session_id, gen_random_uuid() AS run_id
             FROM generate_series(1, {BACKLOG});
         INSERT INTO session
             SELECT (jsonb_populate_record(session, jsonb_build_object('id', copy.session_id))).*
             FROM session, copy
             WHERE session.id = '{session_id}';
         INSERT INTO run
             SELECT (jsonb_populate_record(run, jsonb_build_object(
                 'id', copy.run_id, 'session_id', copy.session_id))).*
             FROM run, copy
             WHERE run.id = '{run_id}';
         INSERT INTO queue
             SELECT (jsonb_populate_record(queue, jsonb_build_object(
                 'run_id', copy.run_id, 'session_id', copy.session_id))).*
             FROM queue, copy
             WHERE queue.run_id = '{run_id}';
         INSERT INTO run_input
             SELECT copy.run_id, run_input.input
             FROM run_input, copy
             WHERE run_input.run_id = '{run_id}';"
    );
    execute(database, &statements).await;
}

/// Runs statements on a connection of their own, so that what they read is counted before any call.
pub(crate) async fn execute(database: &Database, statements: &str) {
    let connections = connections(database).await;
    let mut connection = PgConnection::connect(database.url())
        .await
        .expect("the database is there");
    sqlx::raw_sql(AssertSqlSafe(statements))
        .execute(&mut connection)
        .await
        .expect("statements of the test");
    connection.close().await.expect("it hangs up");
    hung_up(database, &connections).await;
}

/// Returns once no connection is there but these: one that ends hands over what it counted.
async fn hung_up(database: &Database, but: &BTreeSet<i32>) {
    while !connections(database).await.is_subset(but) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// How many entries of indexes and rows of tables a call reads of each table, on a store that is
/// there for it alone.
pub(crate) async fn reads_of(
    database: &Database,
    fixture: &Fixture,
    call: impl AsyncFnOnce(&Fixture),
) -> Vec<(String, i64)> {
    counted(database, fixture, READS, call).await
}

/// As [`reads_of`], how many blocks of indexes and tables it looks into, also for what it passes
/// over there.
async fn blocks_of(
    database: &Database,
    fixture: &Fixture,
    call: impl AsyncFnOnce(&Fixture),
) -> Vec<(String, i64)> {
    counted(database, fixture, BLOCKS, call).await
}

async fn counted(
    database: &Database,
    fixture: &Fixture,
    counts: &'static str,
    call: impl AsyncFnOnce(&Fixture),
) -> Vec<(String, i64)> {
    let before = counts_of(database, counts).await;
    let connections = connections(database).await;
    let clock = Arc::clone(&fixture.clock);
    let store = PostgresStore::connect(database.url(), Some(clock as Arc<dyn Clock>)).await;
    let store = Arc::new(store.expect("the same database"));
    let other = fixture.with_ports(Ports::of(&store));
    call(&other).await;
    store.close().await;
    hung_up(database, &connections).await;
    let after = counts_of(database, counts).await;
    after
        .into_iter()
        .map(|(table, count)| {
            let known = before.iter().find(|(known, _)| *known == table);
            let before = known.map_or(0, |(_, count)| *count);
            (table, count - before)
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// Who is connected to the database.
async fn connections(database: &Database) -> BTreeSet<i32> {
    let pids: Vec<i32> =
        sqlx::query_scalar("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            .fetch_all(database.outside())
            .await
            .expect("who is connected");
    pids.into_iter().collect()
}

/// What the server counted of each table.
async fn counts_of(database: &Database, counts: &'static str) -> Vec<(String, i64)> {
    sqlx::query_as(counts)
        .fetch_all(database.outside())
        .await
        .expect("what the server counted")
}
