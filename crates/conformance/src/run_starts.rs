//! What a start of a run promises.

use windlass_application::ports::WriteError;
use windlass_application::problem::Resource;
use windlass_application::{IdempotencyRequest, Write, Written};
use windlass_domain::lifecycle::Signal;
use windlass_domain::pool::Pool;
use windlass_domain::run::{Refusal, RunState, Status, Waiting};
use windlass_domain::session::SessionStatus;

use crate::stage::{Stage, cancel, sealed};
use crate::store::{Fixture, done};

/// A started run is queued in a session of its own, is announced, and is read back as it was given.
pub async fn a_started_run_waits_for_a_worker(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let pool = Pool::parse("browsers").expect("a name");
    let mut start = stage.new_run();
    start.run.pool = pool.clone();

    let started = fixture
        .ports
        .runs
        .start(fixture.write(), start.clone())
        .await;

    let started = done(started.expect("it is started"));
    let run = &started.run.run;
    assert_eq!(stage.view(run.id).await, started.run);
    assert_eq!(
        (run.id, run.status(), run.version),
        (start.run.id, Status::Queued, 1)
    );
    assert_eq!(started.run.metadata, start.metadata);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Queued);
    assert_eq!(session.credential_id, Some(stage.credential.id));
    assert_eq!(stage.events().await, ["session.queued", "task_run.queued"]);
    assert_eq!(session.pool, pool, "later runs in it wait there, too");
    assert!(started.signals.contains(&Signal::Ready { pool }));
}

/// The input is kept as it was sealed, and is its organization's alone.
pub async fn an_input_is_kept_as_it_was_sealed(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;

    let runs = &fixture.ports.runs;
    let input = runs.input(fixture.organization, run.id).await;
    let for_a_stranger = runs.input(fixture.stranger, run.id).await;

    assert_eq!(input.expect("the store reads"), Some(sealed("input")));
    assert_eq!(for_a_stranger.expect("the store reads"), None);
}

/// A session that is unknown, or another organization's, is not found, and nothing is kept.
pub async fn a_run_is_not_started_in_an_unknown_session(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let other = stage.started().await;
    let unknown = stage.new_run_in(stage.new_run().run.session_id);
    let mut of_a_stranger = stage.new_run_in(other.session_id);
    of_a_stranger.run.organization_id = fixture.stranger.organization_id();
    let events = stage.events().await;

    let write = fixture.write_of(fixture.stranger);
    let strange = fixture.ports.runs.start(write, of_a_stranger).await;
    let missing = fixture
        .ports
        .runs
        .start(fixture.write(), unknown.clone())
        .await;

    assert!(matches!(strange, Err(WriteError::NotFound)), "{strange:?}");
    assert!(matches!(missing, Err(WriteError::NotFound)), "{missing:?}");
    assert_eq!(
        stage.view_of(fixture.organization, unknown.run.id).await,
        None
    );
    assert_eq!(stage.events().await, events);
}

/// What a run refers to must still be there.
pub async fn a_run_of_a_deleted_task_is_not_started(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let task = stage.task_with("task_gone", |_| {}).await;
    let start = stage.new_run_of(&task);
    let deleted = fixture.ports.tasks.delete(fixture.write(), &task.id).await;
    done(deleted.expect("nothing needs it"));

    let started = fixture.ports.runs.start(fixture.write(), start).await;

    let is_gone = matches!(
        started,
        Err(WriteError::ReferenceGone {
            what: Resource::Task
        })
    );
    assert!(is_gone, "{started:?}");
    assert_eq!(stage.events().await, Vec::<&str>::new());
}

/// Nor is one of a task that was deleted and made anew under its id, in whatever moment: what the
/// caller gave was checked by the rules of another.
pub async fn a_run_of_a_task_that_was_made_anew_is_not_started(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let tasks = &fixture.ports.tasks;
    let task = stage.task_with("task_anew", |_| {}).await;
    let start = stage.new_run_of(&task);
    let deleted = tasks.delete(fixture.write(), &task.id).await;
    done(deleted.expect("nothing needs it"));
    let again = stage.task_with("task_anew", |_| {}).await;

    let started = fixture.ports.runs.start(fixture.write(), start).await;

    let is_gone = matches!(
        started,
        Err(WriteError::ReferenceGone {
            what: Resource::Task
        })
    );
    assert!(is_gone, "{started:?}");
    assert_eq!(stage.events().await, Vec::<&str>::new());
    let of_the_new = stage.start(stage.new_run_of(&again)).await;
    assert_eq!(of_the_new.task_version, again.version);
}

/// So must its credential: a deleted one has nothing to log in with.
pub async fn a_run_with_a_deleted_credential_is_not_started(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let credentials = &fixture.ports.credentials;
    let deleted = credentials
        .delete(fixture.write(), stage.credential.id)
        .await;
    done(deleted.expect("it is deleted"));

    let started = fixture
        .ports
        .runs
        .start(fixture.write(), stage.new_run())
        .await;

    let is_gone = matches!(
        started,
        Err(WriteError::ReferenceGone {
            what: Resource::Credential
        })
    );
    assert!(is_gone, "{started:?}");
}

/// A session that has ended takes no run.
pub async fn a_run_is_not_started_in_an_ended_session(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.started().await;
    stage
        .command(first.id, cancel())
        .await
        .expect("it is queued");
    let ended = stage.session(first.session_id).await;
    let start = stage.new_run_in(first.session_id);

    let started = fixture
        .ports
        .runs
        .start(fixture.write(), start.clone())
        .await;

    let is_refused = matches!(
        started,
        Err(WriteError::Refused(Refusal::SessionEnded {
            status: SessionStatus::Completed
        }))
    );
    assert!(is_refused, "{started:?}");
    assert_eq!(
        stage.view_of(fixture.organization, start.run.id).await,
        None
    );
    assert_eq!(stage.session(first.session_id).await, ended);
}

/// One run at a time has a session; the next waits for it.
pub async fn a_second_run_waits_for_its_session(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.leased().await;

    let second = stage.start(stage.new_run_in(first.session_id)).await;

    let waiting = RunState::Queued {
        waiting: Waiting::ForSession,
        checkpoint: None,
        secrets_version: None,
    };
    assert_eq!(second.state, waiting);
    assert!(!second.opened_session);
    assert_eq!(stage.run(second.id).await, second);
    assert_eq!(stage.next().await, None, "nothing may be leased");
}

/// A repeated start gets the answer of the first and starts nothing.
pub async fn a_repeated_start_gets_the_first_answer(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let (first, second) = (stage.new_run(), stage.new_run());
    let runs = &fixture.ports.runs;
    let (first_write, second_write) = (once(fixture, "a"), once(fixture, "a"));

    let done_first = runs.start(first_write, first.clone()).await;
    let repeated = runs.start(second_write, second.clone()).await;

    done(done_first.expect("it is started"));
    let Ok(Written::Replayed(answer)) = repeated else {
        panic!("{repeated:?}");
    };
    let text = String::from_utf8_lossy(answer.body.as_bytes()).into_owned();
    assert!(text.starts_with(&first.run.id.to_string()), "{text}");
    assert_eq!(
        stage.view_of(fixture.organization, second.run.id).await,
        None
    );
    assert_eq!(stage.events().await, ["session.queued", "task_run.queued"]);
}

/// Of starts with one key at the same time, one acts, and all get its answer.
pub async fn of_starts_with_one_key_at_the_same_time_one_acts(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let runs = &fixture.ports.runs;
    let starts = [stage.new_run(), stage.new_run(), stage.new_run()];
    let [a, b, c] = starts.map(|start| runs.start(once(fixture, "a"), start));

    let (a, b, c) = tokio::join!(a, b, c);

    let mut acted = 0;
    for written in [a, b, c] {
        match written.expect("each is answered") {
            Written::Done(_) => acted += 1,
            Written::Replayed(_) => {}
        }
    }
    assert_eq!(acted, 1);
    assert_eq!(stage.events().await, ["session.queued", "task_run.queued"]);
}

fn once(fixture: &Fixture, key: &str) -> Write {
    let write = fixture.write_once(key, "body");
    let idempotency = write.idempotency.map(|request| IdempotencyRequest {
        path: "/v2/tasks/task_stage/run".to_owned(),
        ..request
    });
    Write {
        idempotency,
        ..write
    }
}
