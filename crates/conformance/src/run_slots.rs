//! What slots of credentials and sources promise. Source: docs/lifecycle.md, "Slots".

use windlass_application::OrganizationContext;
use windlass_application::ports::runs::LeaseRequest;
use windlass_domain::id::RunId;
use windlass_domain::lifecycle::Signal;
use windlass_domain::pool::Pool;
use windlass_domain::run::{Run, Status};
use windlass_domain::session::{SessionCommand, SessionStatus};
use windlass_domain::task::{Concurrency, Priority, Review, Task};

use crate::run_leases::start_for_the_stranger;
use crate::stage::{GRACE, LEASE, Stage, cancel, output, seconds, success};
use crate::store::Fixture;
use crate::strict::one_at_a_time;

fn per_credential(limit: u32) -> Option<Concurrency> {
    Some(Concurrency {
        per_credential: Some(limit),
        per_source: None,
    })
}

fn per_source(limit: u32) -> Option<Concurrency> {
    Some(Concurrency {
        per_credential: None,
        per_source: Some(limit),
    })
}

/// A stage for runs that follow one another for each credential.
async fn of_one_credential(fixture: &Fixture) -> Stage<'_> {
    Stage::with(fixture, |settings| settings.concurrency = per_credential(1)).await
}

/// All that may be leased now, and is.
async fn let_in(stage: &Stage<'_>) -> Vec<Run> {
    let leased = stage.lease(stage.lease_request()).await;
    leased.runs.into_iter().map(|leased| leased.run).collect()
}

fn ids(runs: &[Run]) -> Vec<RunId> {
    runs.iter().map(|run| run.id).collect()
}

/// The next of these tasks is started a moment after the one before: ids of one moment have no
/// order.
async fn start_in_turn(stage: &Stage<'_>, tasks: &[&Task]) -> Vec<Run> {
    let mut runs = Vec::new();
    for task in tasks {
        stage.pass(seconds(1));
        runs.push(stage.start(stage.new_run_of(task)).await);
    }
    runs
}

/// Runs of all tasks that set a limit for their credential are counted together; others are not
/// counted and do not wait. Who is let in is announced.
pub async fn runs_of_one_credential_follow_one_another(fixture: &Fixture) {
    let stage = of_one_credential(fixture).await;
    let other = stage.task_with("task_other", |_| {}).await;
    let free = stage
        .task_with("task_free", |it| it.concurrency = None)
        .await;
    let runs = start_in_turn(&stage, &[&stage.task, &other, &free, &stage.task]).await;

    let mut leased = let_in(&stage).await;
    assert_eq!(ids(&leased), [runs[0].id, runs[2].id]);
    let session = stage.session(runs[1].session_id).await;
    assert_eq!(session.status(), SessionStatus::Queued);

    for next in [&runs[1], &runs[3]] {
        let held = &leased[0];
        let said = stage.try_say(held.id, held.epoch, success(output()), None);
        let signals = said.await.expect("it is held").signals;
        let pool = Pool::builtin();
        assert!(signals.contains(&Signal::Ready { pool }), "{signals:?}");
        leased = let_in(&stage).await;
        assert_eq!(ids(&leased), [next.id]);
    }
}

/// So are runs at a source, whoever is logged in.
pub async fn runs_at_one_source_follow_one_another(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.concurrency = per_source(1)).await;
    let second_person = fixture.credential(&stage.source.id).await;
    let elsewhere = fixture.source("src_elsewhere").await;
    let first = stage.started().await;
    let mut other = stage.new_run();
    other.run.credential_id = Some(second_person.id);
    let other = stage.start(other).await;
    let mut away = stage.new_run();
    away.run.source_id = Some(elsewhere.id);
    away.run.credential_id = None;
    let away = stage.start(away).await;

    let mut leased = ids(&let_in(&stage).await);
    leased.sort();
    let mut expected = [first.id, away.id];
    expected.sort();
    assert_eq!(leased, expected);

    let first = stage.run(first.id).await;
    stage.say(&first, success(output())).await;
    assert_eq!(ids(&let_in(&stage).await), [other.id]);
}

/// A run that has its credential's slot and waits for its source's keeps the first.
pub async fn a_run_that_waits_keeps_the_slots_before(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.concurrency = one_at_a_time()).await;
    let of_credential = stage
        .task_with("task_credential", |it| it.concurrency = per_credential(1))
        .await;
    let second_person = fixture.credential(&stage.source.id).await;
    let with_the_second = |task| {
        let mut start = stage.new_run_of(task);
        start.run.credential_id = Some(second_person.id);
        start
    };
    let first = stage.started().await;
    stage.pass(seconds(1));
    let at_source = stage.start(with_the_second(&stage.task)).await;
    stage.pass(seconds(1));
    let behind = stage.start(with_the_second(&of_credential)).await;

    for next in [&first, &at_source, &behind] {
        let leased = let_in(&stage).await;
        assert_eq!(ids(&leased), [next.id]);
        stage.say(&leased[0], success(output())).await;
    }
}

/// Each run compares with the limit of its own task; the first that waits is waited for.
pub async fn each_run_goes_by_its_own_limit(fixture: &Fixture) {
    let stage = of_one_credential(fixture).await;
    let many = stage
        .task_with("task_many", |it| it.concurrency = per_credential(2))
        .await;
    let runs = start_in_turn(&stage, &[&many, &stage.task, &many]).await;

    let leased = let_in(&stage).await;
    assert_eq!(ids(&leased), [runs[0].id], "the third may not overtake");

    stage.say(&leased[0], success(output())).await;
    assert_eq!(ids(&let_in(&stage).await), [runs[1].id, runs[2].id]);
}

/// Of those that wait the one of the highest priority is let in first, then the oldest; nobody is
/// pushed out.
pub async fn the_highest_priority_is_let_in_first(fixture: &Fixture) {
    let stage = of_one_credential(fixture).await;
    let of = async |level| {
        let set = |settings: &mut windlass_domain::task::TaskSettings| {
            settings.priority = Priority::new(level).expect("0 to 9");
        };
        stage.task_with(&format!("task_{level}"), set).await
    };
    let (low, high) = (of(0).await, of(9).await);
    let middle = &stage.task;
    let runs = start_in_turn(&stage, &[&low, &low, middle, middle, &high]).await;

    let mut order = Vec::new();
    for _ in &runs {
        let leased = let_in(&stage).await;
        order.extend(ids(&leased));
        stage.say(&leased[0], success(output())).await;
    }
    let expected = [0, 4, 2, 3, 1].map(|place: usize| runs[place].id);
    assert_eq!(order, expected);
}

/// A run whose output waits for a review is not live.
pub async fn a_review_frees_its_slots(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| {
        settings.concurrency = one_at_a_time();
        settings.review = Review::Required;
    });
    let stage = stage.await;
    let first = stage.begun().await;
    let second = stage.started().await;

    let reviewed = stage.say(&first, success(output())).await;

    assert_eq!(reviewed.status(), Status::ReviewRequired);
    assert_eq!(ids(&let_in(&stage).await), [second.id]);
}

/// A run that goes back to the queue has its slots still.
pub async fn a_lost_lease_keeps_its_slots(fixture: &Fixture) {
    let stage = of_one_credential(fixture).await;
    let first = stage.leased().await;
    stage.pass(seconds(1));
    stage.started().await;

    stage.pass(LEASE);
    stage.sweep().await;

    assert_eq!(stage.status(first.id).await, Status::Queued);
    assert_eq!(ids(&let_in(&stage).await), [first.id]);
}

/// A canceled run frees what it has, and that is nothing where it waited.
pub async fn a_canceled_run_frees_what_it_has_alone(fixture: &Fixture) {
    let stage = of_one_credential(fixture).await;
    let task = &stage.task;
    let runs = start_in_turn(&stage, &[task, task, task]).await;
    let canceled = async |run: &Run| {
        let commanded = stage.command(run.id, cancel()).await;
        commanded.expect("it is queued").run.run.status()
    };

    assert_eq!(canceled(&runs[1]).await, Status::Canceled);
    let queued = let_in(&stage).await;
    assert_eq!(ids(&queued), [runs[0].id]);
    stage.pass(LEASE);
    stage.sweep().await;

    assert_eq!(canceled(&runs[0]).await, Status::Canceled);
    assert_eq!(ids(&let_in(&stage).await), [runs[2].id]);
}

/// A run that nobody leases holds its slots until its queue time is over.
pub async fn a_queue_that_times_out_lets_the_next_in(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| {
        settings.concurrency = per_credential(1);
        settings.queue_timeout = seconds(60);
    });
    let stage = stage.await;
    let first = stage.started().await;
    stage.pass(seconds(30));
    let second = stage.started().await;
    stage.pass(seconds(30));

    let swept = stage.sweep().await;

    let pool = Pool::builtin();
    assert!(swept.signals.contains(&Signal::Ready { pool }));
    assert_eq!(stage.errors(first.id).await, ["session/timeout"]);
    assert_eq!(ids(&let_in(&stage).await), [second.id]);
}

/// The queue clock of a run that waits for a slot runs, too.
pub async fn a_run_that_waits_for_a_slot_times_out(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| {
        settings.concurrency = per_credential(1);
        settings.queue_timeout = seconds(60);
    });
    let stage = stage.await;
    let first = stage.begun().await;
    let second = stage.started().await;
    let third = stage.started().await;
    let renewed = windlass_domain::run::WorkerCommand::Renew {
        length: seconds(600),
    };
    stage.say(&first, renewed).await;
    stage.pass(seconds(60));

    stage.sweep().await;

    for run in [second, third] {
        assert_eq!(stage.errors(run.id).await, ["session/timeout"]);
        let session = stage.session(run.session_id).await;
        assert_eq!(session.status(), SessionStatus::Completed);
    }
    let first = stage.run(first.id).await;
    stage.say(&first, success(output())).await;
    assert_eq!(let_in(&stage).await, []);
}

/// A run that waits for its session has no other slot; when the session is free it waits with all
/// others, and then only who keeps the session may take it.
pub async fn the_next_run_of_a_session_needs_slots_when_its_turn_comes(fixture: &Fixture) {
    let stage = of_one_credential(fixture).await;
    let first = stage.begun().await;
    stage.pass(seconds(1));
    let other = stage.started().await;
    stage.pass(seconds(1));
    let next = stage.start(stage.new_run_in(first.session_id)).await;

    stage.say(&first, success(output())).await;
    let leased = let_in(&stage).await;
    assert_eq!(ids(&leased), [other.id]);
    let session = stage.session(first.session_id).await;
    assert_eq!(session.status(), SessionStatus::Idle, "it is waited for");

    stage.say(&leased[0], success(output())).await;
    let registered = fixture.ports.workers.register(None, "another", None).await;
    let to_another = LeaseRequest {
        holder: registered.expect("a first start").holder,
        ..stage.lease_request()
    };
    assert_eq!(stage.lease(to_another).await.runs, []);
    let leased = stage.lease(stage.lease_request()).await.runs;
    assert_eq!(leased.len(), 1);
    assert_eq!((leased[0].run.id, leased[0].resumed()), (next.id, true));
}

/// A session that ends takes its runs from wherever they wait, and their slots go on.
pub async fn an_ended_session_gives_slots_back(fixture: &Fixture) {
    let stage = of_one_credential(fixture).await;
    let task = &stage.task;
    let runs = start_in_turn(&stage, &[task, task, task]).await;
    let end = async |run: &Run| {
        let sessions = &fixture.ports.sessions;
        let command = SessionCommand::End { grace: GRACE };
        let ended = sessions.command(fixture.write(), run.session_id, command);
        ended.await.expect("it has not ended");
    };

    end(&runs[1]).await;
    end(&runs[0]).await;

    for run in &runs[..2] {
        assert_eq!(stage.status(run.id).await, Status::Canceled);
    }
    assert_eq!(ids(&let_in(&stage).await), [runs[2].id]);
}

/// Two runs that end at the same time let two others in, and no third.
pub async fn of_finishes_at_the_same_time_each_lets_one_in(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.concurrency = per_credential(2)).await;
    for _ in 0..6 {
        stage.started().await;
    }
    let held = let_in(&stage).await;
    assert_eq!(held.len(), 2);

    tokio::join!(
        stage.say(&held[0], success(output())),
        stage.say(&held[1], success(output()))
    );

    assert_eq!(let_in(&stage).await.len(), 2);
}

/// Of many runs that come at the same time as many may be leased as the limit says.
pub async fn of_starts_at_the_same_time_as_many_are_let_in_as_may(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.concurrency = per_credential(2)).await;

    tokio::join!(
        stage.started(),
        stage.started(),
        stage.started(),
        stage.started()
    );

    assert_eq!(let_in(&stage).await.len(), 2);
}

/// However many runs of an organization wait for slots, those of another are leased at once.
pub async fn waiting_runs_of_one_organization_hold_up_nobody_else(fixture: &Fixture) {
    let stage = of_one_credential(fixture).await;
    for _ in 0..200 {
        stage.started().await;
    }
    start_for_the_stranger(&stage).await;

    let leased = let_in(&stage).await;

    let mut organizations: Vec<_> = leased.iter().map(|run| run.organization_id).collect();
    organizations.sort();
    let mut expected =
        [fixture.organization, fixture.stranger].map(OrganizationContext::organization_id);
    expected.sort();
    assert_eq!(organizations, expected);
}
