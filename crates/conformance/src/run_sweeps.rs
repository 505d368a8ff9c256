//! What a sweep of the clocks promises. Each clock is looked at right before it has run out, when
//! nothing happens, and when it has.

use std::time::Duration;

use windlass_domain::Timestamp;
use windlass_domain::run::{Run, RunCommand, Status, WorkerCommand};
use windlass_domain::session::SessionStatus;
use windlass_domain::task::{Review, TaskSettings};

use crate::stage::{GRACE, Stage, answer, cancel, output, question, seconds, success};
use crate::store::Fixture;

/// Nobody leases the run.
pub async fn a_run_that_nobody_leases_fails(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.queue_timeout = seconds(100)).await;
    let run = stage.started().await;

    runs_out(&stage, &run, run.updated_at + seconds(100)).await;

    assert_eq!(stage.errors(run.id).await, ["session/timeout"]);
    let session = stage.session(run.session_id).await;
    assert_eq!(
        session.status(),
        SessionStatus::Completed,
        "nothing waits for it"
    );
}

/// Another run has the session for too long.
pub async fn a_run_that_its_session_has_no_time_for_fails(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.queue_timeout = seconds(100)).await;
    let first = stage.begun().await;
    keep_alive(&stage, &first, seconds(1_000)).await;
    let second = stage.start(stage.new_run_in(first.session_id)).await;

    runs_out(&stage, &second, second.updated_at + seconds(100)).await;

    assert_eq!(stage.errors(second.id).await, ["session/timeout"]);
    assert_eq!(stage.status(first.id).await, Status::Running);
}

/// The worker dies before it has begun: nothing was touched, so that the run waits again.
pub async fn a_lost_lease_that_has_not_begun_is_repeated(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;

    runs_out(&stage, &run, lease_end(&run)).await;

    let waiting = stage.run(run.id).await;
    assert_eq!(waiting.status(), Status::Queued);
    assert_eq!((waiting.attempts, waiting.losses), (0, 1));
    let again = stage.next().await.expect("it may be leased");
    assert_eq!(again.run.epoch, run.epoch.next());
    assert!(!again.resumed());
}

/// The worker dies after it has begun: the source may have been touched, so that the run fails.
pub async fn a_lost_lease_that_has_begun_fails(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;

    runs_out(&stage, &run, lease_end(&run)).await;

    assert_eq!(stage.errors(run.id).await, ["session/session_lost"]);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Failed);
}

/// A renewed lease is not lost, and the sweep finds its new end.
pub async fn a_renewed_lease_lives_on(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.leased().await;
    stage.pass(seconds(9));
    let length = seconds(30);
    let renewed = stage.say(&run, WorkerCommand::Renew { length }).await;
    let renewed_at = fixture.now();
    stage.pass(seconds(2));

    let swept = stage.sweep().await;

    assert_eq!(swept.acted, 0);
    assert_eq!(stage.run(run.id).await, renewed);
    runs_out(&stage, &renewed, renewed_at + length).await;
    assert_eq!(stage.status(run.id).await, Status::Queued);
}

/// A deadline that has moved on is looked at once, and holds up no other clock.
pub async fn a_renewed_lease_holds_up_no_other_clock(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.queue_timeout = seconds(100)).await;
    let held = stage.leased().await;
    keep_alive(&stage, &held, seconds(1_000)).await;
    let waiting = stage.started().await;
    stage.pass(seconds(200));

    let first = fixture.ports.runs.sweep(1).await;
    let second = fixture.ports.runs.sweep(1).await;

    let first = first.expect("the store sweeps");
    assert!(first.acted == 1 || first.more, "{first:?}");
    assert_eq!(first.acted + second.expect("the store sweeps").acted, 1);
    assert_eq!(stage.errors(waiting.id).await, ["session/timeout"]);
    assert_eq!(stage.status(held.id).await, Status::Running);
}

/// A worker that is alive but does nothing times out; an activity starts the clock anew.
pub async fn a_run_without_activity_fails(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.inactivity_timeout = seconds(100)).await;
    let run = stage.begun().await;
    keep_alive(&stage, &run, seconds(1_000)).await;
    stage.pass(seconds(60));
    let touched = stage.say(&run, WorkerCommand::Touch).await;
    let active_at = fixture.now();
    stage.pass(seconds(60));
    let swept = stage.sweep().await;

    assert_eq!(swept.acted, 0);
    runs_out(&stage, &touched, active_at + seconds(100)).await;
    assert_eq!(stage.errors(run.id).await, ["task/timeout"]);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Failed);
}

/// A run may run for so long in all; the time that it waits for a person is not counted.
pub async fn a_run_that_runs_too_long_fails(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.timeout = Some(seconds(100))).await;
    let run = stage.begun().await;
    keep_alive(&stage, &run, seconds(1_000)).await;
    stage.pass(seconds(60));
    let asking = stage.say(&run, question(1, None)).await;
    stage.pass(seconds(300));
    let answers = answer(&asking);
    stage.command(run.id, answers).await.expect("it asks");
    let running = stage.run(run.id).await;

    let left = seconds(100) - running.runtime;
    runs_out(&stage, &running, running.updated_at + left).await;

    assert_eq!(stage.errors(run.id).await, ["task/timeout"]);
}

/// Nobody answers.
pub async fn a_question_that_nobody_answers_fails_the_run(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.interaction_timeout = seconds(100)).await;
    let run = stage.asking(None).await;
    let run = keep_alive(&stage, &run, seconds(1_000)).await;

    runs_out(&stage, &run, run.updated_at + seconds(100)).await;

    assert_eq!(
        stage.errors(run.id).await,
        ["interaction/interaction_timeout"]
    );
}

/// The worker dies while a person is asked: with a checkpoint another one goes on from there.
pub async fn a_question_with_a_checkpoint_outlives_its_worker(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.asking(Some("page 3")).await;

    runs_out(&stage, &run, lease_end(&run)).await;

    let waiting = stage.run(run.id).await;
    assert_eq!((waiting.status(), waiting.attempts), (Status::Queued, 0));
    let again = stage.next().await.expect("it may be leased");
    let lease = again.run.state.lease().expect("it is leased");
    assert_eq!(lease.checkpoint, Some(crate::stage::sealed("page 3")));
}

/// Nobody reviews the output in time.
pub async fn a_review_that_nobody_does_fails_the_run(fixture: &Fixture) {
    let review = |settings: &mut TaskSettings| {
        settings.review = Review::Required;
        settings.review_timeout = Some(seconds(100));
    };
    let stage = Stage::with(fixture, review).await;
    let run = stage.begun().await;
    let waiting = stage.say(&run, success(output())).await;

    runs_out(&stage, &waiting, waiting.updated_at + seconds(100)).await;

    assert_eq!(stage.errors(run.id).await, ["task/review_timeout"]);
    assert_eq!(stage.view(run.id).await.output, None);
}

/// Without a limit a review may take for ever.
pub async fn a_review_without_a_limit_waits(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.review = Review::Required).await;
    let run = stage.begun().await;
    let waiting = stage.say(&run, success(output())).await;
    stage.pass(seconds(1_000_000));

    stage.sweep().await;

    assert_eq!(stage.run(run.id).await, waiting);
    let approve = RunCommand::Approve { output: None };
    let approved = stage
        .command(run.id, approve)
        .await
        .expect("it still waits");
    assert_eq!(approved.run.output, Some(output()));
}

/// The agent does not stop: the run is canceled all the same, and its session fails with it.
pub async fn a_cancel_is_forced_after_its_grace(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    let run = stage.begun().await;
    keep_alive(&stage, &run, seconds(1_000)).await;
    let canceled = stage
        .command(run.id, cancel())
        .await
        .expect("it is running");

    let canceling = canceled.run.run;
    runs_out(&stage, &canceling, canceling.updated_at + GRACE).await;

    assert_eq!(stage.status(run.id).await, Status::Canceled);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Failed);
}

/// Nobody wants the session: it ends.
pub async fn an_idle_session_ends(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.session_idle = seconds(100)).await;
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;
    let idle = stage.session(run.session_id).await;
    let deadline = idle.updated_at + seconds(100);
    stage.wait_until(deadline - Duration::from_millis(1));
    stage.sweep().await;
    let before = stage.session(run.session_id).await;

    stage.wait_until(deadline);
    stage.sweep().await;

    assert_eq!(before, idle);
    let after = stage.session(run.session_id).await;
    assert_eq!(after.status(), SessionStatus::Completed);
    let events = stage.events().await;
    assert!(
        events.ends_with(&["session.completing", "session.completed"]),
        "{events:?}"
    );
}

/// While a run waits for it, an idle session does not end.
pub async fn a_wanted_idle_session_does_not_end(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.session_idle = seconds(100)).await;
    let run = stage.begun().await;
    stage.say(&run, success(output())).await;
    stage.start(stage.new_run_in(run.session_id)).await;
    stage.pass(seconds(500));

    let swept = stage.sweep().await;

    assert_eq!(swept.acted, 0);
    let session = stage.session(run.session_id).await;
    assert_eq!(session.status(), SessionStatus::Idle);
}

/// A sweep does what it is allowed to, the earliest first, and says that there is more.
pub async fn a_sweep_does_so_much_and_says_that_there_is_more(fixture: &Fixture) {
    let stage = Stage::with(fixture, |it| it.queue_timeout = seconds(100)).await;
    let mut started = Vec::new();
    for _ in 0..3 {
        started.push(stage.started().await.id);
        stage.pass(seconds(1));
    }
    stage.pass(seconds(200));

    let first = fixture.ports.runs.sweep(2).await.expect("the store sweeps");
    let last = stage.status(started[2]).await;
    let second = fixture.ports.runs.sweep(2).await.expect("the store sweeps");

    assert_eq!((first.acted, first.more), (2, true));
    assert_eq!(last, Status::Queued, "the latest is left");
    assert_eq!((second.acted, second.more), (1, false));
    assert_eq!(stage.status(started[2]).await, Status::Failed);
    assert!(!first.signals.is_empty(), "whoever waits is told");
}

/// A clock of a run that runs out at `deadline` does nothing a millisecond before.
async fn runs_out(stage: &Stage<'_>, run: &Run, deadline: Timestamp) {
    stage.wait_until(deadline - Duration::from_millis(1));
    let early = stage.sweep().await;
    assert_eq!(early.acted, 0, "{early:?}");
    assert_eq!(stage.run(run.id).await, *run, "nothing has run out");
    let events = stage.events().await.len();

    stage.wait_until(deadline);
    let swept = stage.sweep().await;

    assert_eq!(swept.acted, 1, "{swept:?}");
    assert!(stage.run(run.id).await.version > run.version);
    assert!(stage.events().await.len() > events);
}

/// When the present lease of a run is lost.
fn lease_end(run: &Run) -> Timestamp {
    run.state.lease().expect("a worker holds it").expires_at
}

/// Renews the lease of a run for so long; answers how it stands then.
async fn keep_alive(stage: &Stage<'_>, run: &Run, length: Duration) -> Run {
    stage.say(run, WorkerCommand::Renew { length }).await
}
