//! What workers and their starts promise.

use windlass_application::ports::WriteError;
use windlass_application::ports::runs::LeaseRequest;
use windlass_application::ports::workers::STARTS_KNOWN;
use windlass_domain::lifecycle::Signal;
use windlass_domain::run::{Refusal, RunState, Status};
use windlass_domain::session::{SessionState, SessionStatus};

use crate::stage::{Stage, cancel, output, sealed, seconds, success};
use crate::store::Fixture;

/// Each start of a worker has the next number, by its name within an organization.
pub async fn each_start_of_a_worker_has_the_next_number(fixture: &Fixture) {
    let workers = &fixture.ports.workers;
    let register = async |organization, name| {
        let registered = workers.register(organization, name, None).await;
        registered.expect("a start").holder
    };

    let first = register(Some(fixture.organization), "a").await;
    let second = register(Some(fixture.organization), "a").await;
    let others = [
        register(Some(fixture.organization), "b").await,
        register(Some(fixture.stranger), "a").await,
        register(None, "a").await,
    ];

    assert_eq!(second.worker_id, first.worker_id);
    assert_eq!((first.incarnation, second.incarnation), (1, 2));
    for other in others {
        assert_eq!(other.incarnation, 1);
        assert_ne!(other.worker_id, first.worker_id);
    }
}

/// A start that is said again under its name is the same: it holds what it held, and where it was to
/// leave it still is. Any other is new.
pub async fn a_start_that_is_said_again_is_no_new_one(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let workers = &fixture.ports.workers;
    let register = async |start| {
        let registered = workers.register(None, "embedded", start).await;
        registered.expect("a start")
    };
    let holder = register(Some("monday")).await.holder;
    stage.started().await;
    let request = || LeaseRequest {
        holder,
        ..stage.lease_request()
    };
    let run = stage.lease(request()).await.runs.remove(0).run;

    let again = register(Some("monday")).await;

    assert_eq!((again.holder, again.lost_leases), (holder, 0));
    assert_eq!(stage.status(run.id).await, Status::Running);
    workers.drain(holder).await.expect("it is the latest start");
    assert_eq!(register(Some("monday")).await.holder, holder);
    stage.started().await;
    let leased = stage.lease(request()).await.runs;
    assert!(leased.is_empty(), "it leaves: {leased:?}");
    let mut before = holder;
    for (start, lost_leases) in [(Some("tuesday"), 1), (None, 0), (None, 0)] {
        let next = register(start).await;
        assert_eq!(next.holder.incarnation, before.incarnation + 1, "{start:?}");
        assert_eq!(next.lost_leases, lost_leases, "{start:?}");
        before = next.holder;
    }
    assert_eq!(stage.status(run.id).await, Status::Queued);
}

/// A start that is said again only after the next one, as by a call that was on its way for long, has
/// the number that it had, and takes nothing from the next one.
pub async fn a_start_that_is_said_late_is_no_new_one(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let workers = &fixture.ports.workers;
    let register = async |start| {
        let registered = workers.register(None, "embedded", start).await;
        registered.expect("a start")
    };
    let first = register(Some("monday")).await.holder;
    let latest = register(Some("tuesday")).await.holder;
    stage.started().await;
    let request = |holder| LeaseRequest {
        holder,
        ..stage.lease_request()
    };
    let run = stage.lease(request(latest)).await.runs.remove(0).run;

    let late = register(Some("monday")).await;

    assert_eq!((late.holder, late.lost_leases), (first, 0));
    assert_eq!(stage.run(run.id).await, run, "it is held as it was");
    let leased = fixture.ports.runs.lease(request(first)).await;
    let is_lost = matches!(leased, Err(WriteError::Refused(Refusal::LeaseLost { .. })));
    assert!(is_lost, "it is not the latest");
    assert_eq!(register(Some("tuesday")).await.holder, latest);
    for _ in 2..STARTS_KNOWN {
        register(None).await;
    }
    assert_eq!(register(Some("monday")).await.holder, first);
    let after = register(None).await.holder.incarnation;
    assert_eq!(register(Some("monday")).await.holder.incarnation, after + 1);
}

/// Who knows a worker's name finds its latest start, in its own organization alone.
pub async fn a_worker_is_found_by_its_name_in_its_organization(fixture: &Fixture) {
    let workers = &fixture.ports.workers;
    let ours = Some(fixture.organization);
    for (organization, name) in [(ours, "a"), (ours, "a"), (ours, "b"), (None, "c")] {
        let registered = workers.register(organization, name, None).await;
        registered.expect("a start");
    }
    let find = async |organization, name| {
        let found = workers.find(organization, name).await;
        found.expect("the store reads")
    };

    let a = find(fixture.organization, "a")
        .await
        .expect("it has started");
    let b = find(fixture.organization, "b")
        .await
        .expect("it has started");

    assert_eq!((a.incarnation, b.incarnation), (2, 1));
    assert_ne!(a.worker_id, b.worker_id);
    assert_eq!(find(fixture.stranger, "a").await, None, "another's");
    assert_eq!(
        find(fixture.organization, "c").await,
        None,
        "an embedded one"
    );
    assert_eq!(find(fixture.organization, "d").await, None);
}

/// What the start before held is lost at once: not begun, it waits again; begun, it fails; where a
/// person is asked with a checkpoint, it waits again; where it was being canceled, it is canceled.
pub async fn a_new_start_loses_what_the_one_before_held(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let unbegun = stage.leased().await;
    let begun = stage.begun().await;
    let asking = stage.asking(Some("page 3")).await;
    let canceling = stage.begun().await;
    stage
        .command(canceling.id, cancel())
        .await
        .expect("it is running");

    let registered = fixture.ports.workers.register(None, "embedded", None).await;

    let registered = registered.expect("a second start");
    assert_eq!(registered.lost_leases, 4);
    assert!(!registered.signals.is_empty());
    assert_eq!(stage.status(unbegun.id).await, Status::Queued);
    assert_eq!(stage.errors(begun.id).await, ["session/session_lost"]);
    let RunState::Queued { checkpoint, .. } = stage.run(asking.id).await.state else {
        panic!("it waits again");
    };
    assert_eq!(checkpoint, Some(sealed("page 3")));
    assert_eq!(stage.status(canceling.id).await, Status::Canceled);
    let session = stage.session(unbegun.session_id).await;
    assert_eq!(session.state, SessionState::Queued, "it is nobody's");
}

/// The idle sessions of the start before fail, and so do the runs that wait for them.
pub async fn a_new_start_fails_the_idle_sessions_of_the_one_before(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.begun().await;
    stage.say(&first, success(output())).await;
    let second = stage.start(stage.new_run_in(first.session_id)).await;

    let registered = fixture.ports.workers.register(None, "embedded", None).await;

    assert_eq!(registered.expect("a second start").lost_leases, 0);
    let session = stage.session(first.session_id).await;
    assert_eq!(session.status(), SessionStatus::Failed);
    assert_eq!(stage.errors(second.id).await, ["session/session_failed"]);
    assert_eq!(stage.status(first.id).await, Status::Completed);
}

/// Another worker's runs and sessions are left alone.
pub async fn a_new_start_loses_nothing_of_another_worker(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    let kept = stage.begun().await;
    stage.say(&kept, success(output())).await;

    let registered = fixture.ports.workers.register(None, "other", None).await;

    assert_eq!(registered.expect("a first start").lost_leases, 0);
    assert_eq!(stage.run(run.id).await, run);
    let session = stage.session(kept.session_id).await;
    assert_eq!(session.status(), SessionStatus::Idle);
}

/// A draining worker's idle sessions end, and it hears how many leases it still has.
pub async fn a_drain_ends_idle_sessions(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let idle = stage.begun().await;
    stage.say(&idle, success(output())).await;
    let held = stage.begun().await;

    let drained = fixture.ports.workers.drain(stage.worker).await;

    let (leases, signals) = drained.expect("it is the latest start");
    assert_eq!(leases, 1);
    assert!(!signals.is_empty());
    let session = stage.session(idle.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
    assert_eq!(stage.run(held.id).await, held, "what it holds goes on");
    let finished = stage.say(&held, success(output())).await;
    assert_eq!(finished.status(), Status::Completed);
}

/// Whoever waits for an idle session of a draining worker waits no more: nobody could lease it.
pub async fn a_drain_fails_what_waits_for_its_idle_sessions(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let idle = stage.begun().await;
    stage.say(&idle, success(output())).await;
    let next = stage.start(stage.new_run_in(idle.session_id)).await;
    let behind = stage.start(stage.new_run_in(idle.session_id)).await;

    let drained = fixture.ports.workers.drain(stage.worker).await;

    let (_, signals) = drained.expect("it is the latest start");
    let session = stage.session(idle.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
    for run in [next, behind] {
        assert_eq!(stage.errors(run.id).await, ["session/session_failed"]);
        let changed = Signal::RunChanged { run_id: run.id };
        assert!(signals.contains(&changed), "{signals:?}");
    }
}

/// A run that ends under a drain ends its session, though its worker says that it keeps it.
pub async fn a_draining_worker_keeps_no_session(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let held = stage.begun().await;
    let next = stage.start(stage.new_run_in(held.session_id)).await;
    let workers = &fixture.ports.workers;
    workers.drain(stage.worker).await.expect("it is the latest");

    let finished = stage.say(&held, success(output())).await;

    assert_eq!(finished.status(), Status::Completed);
    let session = stage.session(held.session_id).await;
    assert_eq!(session.status(), SessionStatus::Completed);
    assert_eq!(stage.errors(next.id).await, ["session/session_failed"]);
}

/// Whichever comes first: no session stays with a worker that leases nothing more.
pub async fn of_a_drain_and_a_finish_at_once_no_session_is_left(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let workers = &fixture.ports.workers;
    for _ in 0..10 {
        let registered = workers.register(None, "embedded", None).await;
        let holder = registered.expect("a start").holder;
        let mut held = Vec::new();
        for _ in 0..3 {
            let run = stage.started().await;
            let request = LeaseRequest {
                holder,
                ..stage.lease_request()
            };
            let leased = stage.lease(request).await.runs;
            assert_eq!(leased.len(), 1, "{run:?}");
            held.extend(leased.into_iter().map(|leased| leased.run));
        }
        let [first, second, third] = &held[..] else {
            panic!("three are leased");
        };

        let (drained, _, _, _) = tokio::join!(
            workers.drain(holder),
            stage.say(first, success(output())),
            stage.say(second, success(output())),
            stage.say(third, success(output())),
        );

        drained.expect("it is the latest start");
        for run in held {
            assert_eq!(stage.status(run.id).await, Status::Completed);
            let session = stage.session(run.session_id).await;
            assert_eq!(session.status(), SessionStatus::Completed);
        }
    }
}

/// A new start of a draining worker is not draining.
pub async fn a_new_start_is_not_draining(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let workers = &fixture.ports.workers;
    workers
        .drain(stage.worker)
        .await
        .expect("it is the latest start");
    let run = stage.started().await;

    let registered = workers
        .register(None, "embedded", None)
        .await
        .expect("a second start");
    let request = LeaseRequest {
        holder: registered.holder,
        ..stage.lease_request()
    };
    let leased = stage.lease(request).await;

    assert_eq!(leased.runs.len(), 1);
    assert_eq!(leased.runs[0].run.id, run.id);
}

/// An earlier start does not drain the latest, and its word that it lives changes nothing.
pub async fn an_earlier_start_drains_nothing(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let workers = &fixture.ports.workers;
    let latest = workers
        .register(None, "embedded", None)
        .await
        .expect("a second start")
        .holder;
    stage.started().await;
    stage.pass(seconds(5));

    let drained = workers.drain(stage.worker).await;
    workers.seen(stage.worker).await.expect("the store writes");
    workers.seen(latest).await.expect("the store writes");

    let is_lost = matches!(drained, Err(WriteError::Refused(Refusal::LeaseLost { .. })));
    assert!(is_lost, "{drained:?}");
    let request = LeaseRequest {
        holder: latest,
        ..stage.lease_request()
    };
    assert_eq!(stage.lease(request).await.runs.len(), 1);
}
