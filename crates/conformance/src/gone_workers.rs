//! What becomes of workers that fall silent. Source: docs/workers.md, "Incarnations".

use windlass_application::ports::runs::{LeaseRequest, Swept};
use windlass_domain::run::{Status, WorkerCommand};
use windlass_domain::session::SessionStatus;

use crate::stage::{Stage, output, seconds, success};
use crate::store::Fixture;

/// Looks for workers that are gone.
async fn sweep(fixture: &Fixture) -> Swept {
    let swept = fixture.ports.workers.sweep(100).await;
    swept.expect("the store sweeps")
}

/// A worker that is not heard of for 45 s has no sessions any more: the idle ones fail, with the
/// runs that wait for them. Its leases run out by themselves, and reviews stay.
pub async fn idle_sessions_of_a_silent_worker_fail(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let kept = stage.begun().await;
    stage.say(&kept, success(output())).await;
    let waiting = stage.start(stage.new_run_in(kept.session_id)).await;
    let alone = stage.started().await;
    stage.pass(seconds(44));
    assert_eq!(sweep(fixture).await, Swept::default());

    stage.pass(seconds(1));
    let swept = sweep(fixture).await;

    assert_eq!((swept.acted, swept.more), (1, false));
    assert!(!swept.signals.is_empty());
    let session = stage.session(kept.session_id).await;
    assert_eq!(session.status(), SessionStatus::Failed);
    assert_eq!(stage.errors(waiting.id).await, ["session/session_failed"]);
    assert_eq!(stage.status(kept.id).await, Status::Completed);
    assert_eq!(stage.run(alone.id).await, alone, "it waits for no worker");
}

/// Any call counts: a lease poll, also one that brings nothing, and a word about a run.
pub async fn a_worker_that_calls_keeps_its_sessions(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let kept = stage.begun().await;
    stage.say(&kept, success(output())).await;
    let held = stage.begun().await;
    let renew = WorkerCommand::Renew {
        length: seconds(600),
    };
    stage.say(&held, renew.clone()).await;

    stage.pass(seconds(30));
    stage.say(&held, renew).await;
    stage.pass(seconds(30));
    assert_eq!(sweep(fixture).await, Swept::default(), "it has renewed");
    let nothing = LeaseRequest {
        capacity: 0,
        ..stage.lease_request()
    };
    stage.lease(nothing).await;
    stage.pass(seconds(30));
    assert_eq!(sweep(fixture).await, Swept::default(), "it has polled");
    let seen = fixture.ports.workers.seen(stage.worker).await;
    seen.expect("the store writes");
    stage.pass(seconds(44));
    assert_eq!(sweep(fixture).await, Swept::default(), "it was seen");

    let session = stage.session(kept.session_id).await;
    assert_eq!(session.status(), SessionStatus::Idle);
}

/// A worker that was thought gone and calls again hears that its sessions are, and may go on.
pub async fn a_worker_that_was_silent_hears_what_is_gone(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let kept = stage.begun().await;
    stage.say(&kept, success(output())).await;
    stage.pass(seconds(60));
    sweep(fixture).await;
    let run = stage.started().await;

    let request = LeaseRequest {
        sessions: vec![kept.session_id],
        ..stage.lease_request()
    };
    let leased = stage.lease(request).await;

    assert_eq!(leased.ended_sessions, [kept.session_id]);
    assert_eq!(leased.runs.len(), 1);
    assert_eq!(leased.runs[0].run.id, run.id);
}

/// Two sweeps at the same time fail a session once, and each as many as it was told at most.
pub async fn a_session_of_a_silent_worker_is_failed_once(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let run = stage.begun().await;
        stage.say(&run, success(output())).await;
        sessions.push(run.session_id);
    }
    stage.pass(seconds(45));
    let workers = &fixture.ports.workers;

    let first = workers.sweep(2).await.expect("the store sweeps");
    assert_eq!((first.acted, first.more), (2, true));
    let (one, two) = tokio::join!(workers.sweep(100), workers.sweep(100));

    let acted = one.expect("it sweeps").acted + two.expect("it sweeps").acted;
    assert_eq!(acted, 1);
    for id in sessions {
        assert_eq!(stage.session(id).await.status(), SessionStatus::Failed);
    }
    let failed = stage.events().await;
    let failed = failed.iter().filter(|name| **name == "session.failed");
    assert_eq!(failed.count(), 3);
}
