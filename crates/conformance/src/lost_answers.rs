//! What a lease call promises where the answer to one before it was lost.

use windlass_application::ports::runs::{LeaseRequest, LeasedRun};
use windlass_domain::id::RunId;
use windlass_domain::run::{Epoch, Run, RunState, Status, WorkerCommand};
use windlass_domain::session::SessionStatus;

use crate::stage::{LEASE, Stage, cancel, output, seconds, success};
use crate::store::Fixture;

/// A call of a worker whose last answer was of so many calls that brought runs.
fn call(stage: &Stage<'_>, heard: u32) -> LeaseRequest {
    LeaseRequest {
        heard: Some(heard),
        ..stage.lease_request()
    }
}

/// What was leased in a call whose answer was lost comes again with the next: the same lease, which
/// lives on, with all that an agent needs.
pub async fn what_was_not_heard_comes_again(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.begun().await;
    stage.say(&first, success(output())).await;
    let next = stage.start(stage.new_run_in(first.session_id)).await;
    let lost = stage.lease(call(&stage, 1)).await;
    stage.pass(seconds(6));

    let again = stage.lease(call(&stage, 1)).await;
    let heard = stage.lease(call(&stage, 2)).await;

    let ([lost], [again]) = (lost.runs.as_slice(), again.runs.as_slice()) else {
        panic!("{lost:?}, {again:?}");
    };
    assert_eq!((lost.run.id, lost.run.epoch), (next.id, Epoch(1)));
    assert!(lost.resumed());
    let mut renewed = lost.clone();
    if let RunState::Running { lease, .. } = &mut renewed.run.state {
        lease.expires_at = fixture.now() + LEASE;
    }
    assert_eq!(*again, renewed);
    assert_eq!(again.run, stage.run(next.id).await);
    assert!(heard.runs.is_empty(), "{heard:?}");
}

/// It comes as often as its answer is lost.
pub async fn what_is_lost_again_comes_again(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;

    for _ in 0..4 {
        let leased = stage.lease(call(&stage, 0)).await;

        assert_eq!((ids(&leased.runs), leased.brought), (vec![run.id], 1));
        stage.pass(LEASE / 2);
    }

    let leases = stage.run(run.id).await.epoch;
    assert_eq!(leases, Epoch(1), "it is one lease");
}

/// A run that was canceled meanwhile comes again, too: its worker ends it, and keeps the session.
pub async fn what_was_canceled_meanwhile_comes_again(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let first = stage.begun().await;
    stage.say(&first, success(output())).await;
    let next = stage.start(stage.new_run_in(first.session_id)).await;
    stage.lease(call(&stage, 1)).await;
    let canceled = stage.command(next.id, cancel()).await;
    canceled.expect("it is running");

    let again = stage.lease(call(&stage, 1)).await;

    let [again] = again.runs.as_slice() else {
        panic!("{again:?}");
    };
    assert_eq!((again.run.id, again.run.epoch), (next.id, Epoch(1)));
    assert_eq!(again.run.status(), Status::Canceling);
    stage.say(&again.run, success(output())).await;
    assert_eq!(stage.status(next.id).await, Status::Canceled);
    let session = stage.session(next.session_id).await;
    assert_eq!(session.status(), SessionStatus::Idle);
}

/// A run that the worker holds, one that it has begun, and one that another start holds do not come again.
pub async fn what_is_held_or_has_begun_does_not_come_again(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let workers = &fixture.ports.workers;
    let other = workers.register(None, "other", None).await;
    stage.started().await;
    let of_another = LeaseRequest {
        holder: other.expect("a first start").holder,
        ..stage.lease_request()
    };
    let of_another = stage.lease(of_another).await;
    for _ in 0..3 {
        stage.started().await;
    }
    let lost = stage.lease(call(&stage, 0)).await;
    let [held, begun, unheard] = lost.runs.as_slice() else {
        panic!("{lost:?}");
    };
    stage.say(&begun.run, WorkerCommand::Begin).await;

    let next = LeaseRequest {
        held: vec![held.run.id],
        ..call(&stage, 0)
    };
    let again = stage.lease(next).await;

    assert_eq!(ids(&again.runs), [unheard.run.id]);
    for untouched in [&held.run, &of_another.runs[0].run] {
        assert_eq!(stage.run(untouched.id).await, *untouched);
    }
}

/// A call that comes late, or twice, leases nothing that its worker would not hear of.
pub async fn a_call_that_has_not_heard_the_last_answer_leases_nothing_new(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let one = LeaseRequest {
        capacity: 1,
        ..call(&stage, 0)
    };
    stage.started().await;
    stage.started().await;
    let first = stage.lease(one.clone()).await;
    let twice = stage.lease(one.clone()).await;
    stage.say(&first.runs[0].run, WorkerCommand::Begin).await;

    let late = stage.lease(one).await;
    let next = stage.lease(call(&stage, late.brought)).await;

    assert_eq!(ids(&twice.runs), ids(&first.runs));
    assert!(late.runs.is_empty(), "{late:?}");
    assert_eq!((late.brought, next.brought, next.runs.len()), (1, 2, 1));
}

/// The same of two at the same time.
pub async fn a_call_that_comes_twice_at_once_brings_the_same(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for _ in 0..6 {
        stage.started().await;
    }
    let twice = || LeaseRequest {
        capacity: 4,
        ..call(&stage, 0)
    };

    let (one, two) = tokio::join!(stage.lease(twice()), stage.lease(twice()));

    let sorted = |runs: &[LeasedRun]| {
        let mut ids = ids(runs);
        ids.sort();
        ids
    };
    assert_eq!(one.runs.len(), 4);
    assert_eq!(sorted(&one.runs), sorted(&two.runs));
    assert_eq!((one.brought, two.brought), (1, 1));
}

/// A new start of a worker has heard of everything that was brought it: nothing.
pub async fn a_new_start_is_brought_nothing_of_the_one_before(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.started().await;
    stage.lease(call(&stage, 0)).await;
    let again = fixture.ports.workers.register(None, "embedded", None).await;
    let request = LeaseRequest {
        holder: again.expect("a second start").holder,
        ..call(&stage, 0)
    };

    let leased = stage.lease(request).await;

    let epochs: Vec<(RunId, Epoch)> = leased.runs.iter().map(|it| key(&it.run)).collect();
    assert_eq!(epochs, [(run.id, Epoch(2))]);
    assert_eq!(leased.brought, 1);
}

fn key(run: &Run) -> (RunId, Epoch) {
    (run.id, run.epoch)
}

fn ids(runs: &[LeasedRun]) -> Vec<RunId> {
    runs.iter().map(|leased| leased.run.id).collect()
}
