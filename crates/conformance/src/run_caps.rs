//! What the caps of an organization promise. Source: docs/operations.md, "Caps".

use windlass_application::ports::WriteError;
use windlass_application::ports::runs::{Commanded, NewRun};
use windlass_application::{IdempotencyRequest, Write, Written};
use windlass_domain::id::RunId;
use windlass_domain::run::{Run, Status};
use windlass_domain::session::SessionStatus;
use windlass_domain::slot::{Caps, Exceeded, MOST_LET_IN, Overflow};

use crate::run_leases::start_for_the_stranger;
use crate::stage::{Stage, cancel, output, seconds, success};
use crate::store::{Fixture, done};

fn sessions(sessions: u32) -> Caps {
    Caps {
        sessions,
        ..Caps::default()
    }
}

fn queued(queued: u32) -> Caps {
    Caps {
        queued,
        ..Caps::default()
    }
}

async fn try_start(stage: &Stage<'_>, start: NewRun) -> Result<Written<Commanded>, WriteError> {
    let write = stage.fixture.write();
    stage.fixture.ports.runs.start(write, start).await
}

async fn let_in(stage: &Stage<'_>) -> Vec<Run> {
    let leased = stage.lease(stage.lease_request()).await;
    leased.runs.into_iter().map(|leased| leased.run).collect()
}

fn ids(runs: &[Run]) -> Vec<RunId> {
    runs.iter().map(|run| run.id).collect()
}

/// Runs beyond the cap wait in `queued`; an idle session does not count, nor does another
/// organization's.
pub async fn sessions_beyond_their_cap_wait(fixture: &Fixture) {
    let fixture = fixture.with_caps(sessions(2)).await;
    let stage = Stage::new(&fixture).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        stage.pass(seconds(1));
        runs.push(stage.started().await);
    }
    start_for_the_stranger(&stage).await;

    let leased = let_in(&stage).await;
    assert_eq!(leased.len(), 3);
    assert_eq!(stage.status(runs[2].id).await, Status::Queued);

    let first = stage.run(runs[0].id).await;
    stage.say(&first, success(output())).await;
    let session = stage.session(first.session_id).await;
    assert_eq!(session.status(), SessionStatus::Idle);
    assert_eq!(ids(&let_in(&stage).await), [runs[2].id]);
}

/// Where starts are not to wait for the cap they are refused, and nothing is written. A run that
/// waits for something else is taken.
pub async fn a_start_beyond_the_session_cap_is_refused_where_told_so(fixture: &Fixture) {
    let refusing = Caps {
        overflow: Overflow::Refuse,
        ..sessions(1)
    };
    let fixture = fixture.with_caps(refusing).await;
    let stage = Stage::new(&fixture).await;
    let first = stage.begun().await;
    let events = stage.events().await;
    let start = stage.new_run();

    let refused = try_start(&stage, start.clone()).await;

    let is_refused = matches!(
        refused,
        Err(WriteError::Exceeded(Exceeded::Sessions { cap: 1 }))
    );
    assert!(is_refused, "{refused:?}");
    assert_eq!(
        stage.view_of(fixture.organization, start.run.id).await,
        None
    );
    let session = fixture
        .ports
        .sessions
        .get(fixture.organization, start.run.session_id)
        .await;
    assert_eq!(session.expect("the store reads"), None);
    assert_eq!(stage.events().await, events);

    let in_its_session = stage.start(stage.new_run_in(first.session_id)).await;
    stage.say(&first, success(output())).await;
    let leased = let_in(&stage).await;
    assert_eq!(ids(&leased), [in_its_session.id]);
    stage.say(&leased[0], success(output())).await;
    done(try_start(&stage, start).await.expect("there is room again"));
}

/// A start that would be one queued run too many is refused, and nothing is written; whatever takes
/// a run out of `queued` makes room. A repeated start gets its answer all the same.
pub async fn queued_runs_beyond_their_cap_are_refused(fixture: &Fixture) {
    let fixture = fixture.with_caps(queued(2)).await;
    let stage = Stage::new(&fixture).await;
    let once = || -> Write {
        let write = fixture.write_once("a", "body");
        let idempotency = write.idempotency.map(|request| IdempotencyRequest {
            path: "/v2/tasks/task_stage/run".to_owned(),
            ..request
        });
        Write {
            idempotency,
            ..write
        }
    };
    let runs = &fixture.ports.runs;
    let first = runs.start(once(), stage.new_run()).await;
    let first = done(first.expect("it is started")).run.run;
    stage.pass(seconds(1));
    let second = stage.start(stage.new_run_in(first.session_id)).await;
    let events = stage.events().await;
    let start = stage.new_run();

    let refused = try_start(&stage, start.clone()).await;
    let repeated = runs.start(once(), stage.new_run()).await;

    let is_refused = matches!(
        refused,
        Err(WriteError::Exceeded(Exceeded::Queued { cap: 2 }))
    );
    assert!(is_refused, "{refused:?}");
    assert!(matches!(repeated, Ok(Written::Replayed(_))), "{repeated:?}");
    assert_eq!(
        stage.view_of(fixture.organization, start.run.id).await,
        None
    );
    assert_eq!(stage.events().await, events);

    stage.next().await.expect("the first may be leased");
    stage.started().await;
    assert!(try_start(&stage, stage.new_run()).await.is_err());
    stage
        .command(second.id, cancel())
        .await
        .expect("it is queued");
    stage.started().await;
    assert!(try_start(&stage, stage.new_run()).await.is_err());
    start_for_the_stranger(&stage).await;
}

/// Starts at the same time do not slip past the cap together.
pub async fn the_queue_cap_is_exact_for_starts_at_the_same_time(fixture: &Fixture) {
    let fixture = fixture.with_caps(queued(3)).await;
    let stage = Stage::new(&fixture).await;
    let start = || try_start(&stage, stage.new_run());

    let (a, b, c, d, e, f) = tokio::join!(start(), start(), start(), start(), start(), start());

    let started = [a, b, c, d, e, f].into_iter().filter(Result::is_ok).count();
    assert_eq!(started, 3);
    assert_eq!(let_in(&stage).await.len(), 3);
}

/// Runs that wait for a cap are let in once a process has a higher one, and by no other look.
pub async fn a_raised_cap_is_noticed(fixture: &Fixture) {
    let fixture = fixture.with_caps(sessions(1)).await;
    let stage = Stage::new(&fixture).await;
    for _ in 0..3 {
        stage.started().await;
    }
    assert_eq!(let_in(&stage).await.len(), 1);
    stage.pass(seconds(5));
    stage.sweep().await;
    assert_eq!(let_in(&stage).await, []);

    let raised = fixture.with_caps(sessions(2)).await;
    let swept = raised.ports.runs.sweep(100).await;

    assert!(!swept.expect("the store sweeps").signals.is_empty());
    assert_eq!(let_in(&stage).await.len(), 1);
}

/// However many wait: one transaction lets in so many, and the next sweep goes on at once.
pub async fn a_raised_cap_lets_in_all_who_wait(fixture: &Fixture) {
    let fixture = fixture.with_caps(sessions(1)).await;
    let stage = Stage::new(&fixture).await;
    let many = MOST_LET_IN + 10;
    for _ in 0..many {
        stage.started().await;
    }

    let raised = fixture.with_caps(sessions(many)).await;
    for _ in 0..2 {
        let swept = raised.ports.runs.sweep(100).await;
        swept.expect("the store sweeps");
    }

    let mut leased = 0;
    while let more @ 1.. = let_in(&stage).await.len() {
        leased += more;
    }
    assert_eq!(u32::try_from(leased), Ok(many));
}
