//! Leases: begun, attempts, losses, checkpoints, questions.

use windlass_domain::id::Random;
use windlass_domain::lifecycle::{Scene, decide};
use windlass_domain::run::{Refusal, RunCommand, RunState, Status, Waiting, WorkerCommand};
use windlass_domain::session::SessionState;

use crate::asked::Asked;
use crate::fixture::{
    EPOCH, after, answer, holder, interact, is_running, lease_to, names, queued, running, scene,
    sealed, seconds, soon, to, worker,
};
use crate::situation::Situation;

#[test]
fn a_lease_that_says_nothing_has_begun() {
    let before = scene(SessionState::Queued, vec![queued(1, Waiting::ForWorker)]);
    for (explicit_begin, attempts) in [(true, 0), (false, 1)] {
        let (scene, changes) = after(&before, to(1, lease_to(holder(1), explicit_begin)), soon());

        let run = &scene.runs[0];
        let lease = run.state.lease().expect("it is held");
        assert_eq!(names(&changes), ["session.running", "task_run.running"]);
        assert_eq!((lease.begun, run.attempts), (!explicit_begin, attempts));
        assert_eq!((lease.epoch, run.epoch), (EPOCH.next(), EPOCH.next()));
        assert_eq!(lease.expires_at, soon() + seconds(10));
    }
}

#[test]
fn a_begun_lease_counts_once_however_often_it_begins() {
    let mut scene = scene(is_running(), vec![Situation::RunningNotBegun.run(1)]);
    for asked in [
        Asked::Begin,
        Asked::Touch,
        Asked::Interact,
        Asked::Answer,
        Asked::Begin,
    ] {
        let command = match asked {
            Asked::Answer => answer(&scene.runs[0]),
            _ => asked.command(),
        };
        scene = after(&scene, to(1, command), soon()).0;
        assert_eq!(scene.runs[0].attempts, 1, "{asked:?}");
    }
}

#[test]
fn a_checkpoint_waits_until_the_next_lease_has_begun() {
    let asking = scene(is_running(), vec![Situation::RunningBegun.run(1)]);
    let asks = WorkerCommand::Interact {
        attempt: 1,
        kind: "mfa".to_owned(),
        message: String::new(),
        fields: vec![],
        checkpoint: Some(sealed("step 3")),
        random: Random([1; 10]),
    };
    let (asking, _) = after(&asking, to(1, worker(asks)), soon());
    let gone = RunCommand::WorkerGone { holder: holder(1) };
    let (lost, changes) = after(&asking, to(1, gone.clone()), soon());
    assert_eq!(names(&changes), ["task_run.queued", "session.queued"]);
    assert_eq!(lost.runs[0].attempts, 0, "it was no attempt");
    let checkpoint = |scene: &Scene| match &scene.runs[0].state {
        RunState::Queued { checkpoint, .. } => checkpoint.clone(),
        state => state.lease().and_then(|lease| lease.checkpoint.clone()),
    };
    assert_eq!(checkpoint(&lost), Some(sealed("step 3")));

    let (leased, _) = after(&lost, to(1, lease_to(holder(1), true)), soon());
    assert_eq!(checkpoint(&leased), Some(sealed("step 3")));
    let (lost_again, _) = after(&leased, to(1, gone), soon());
    assert_eq!(
        checkpoint(&lost_again),
        Some(sealed("step 3")),
        "lost before it had begun"
    );
    assert_eq!(lost_again.runs[0].losses, 1);

    let (leased, _) = after(&lost_again, to(1, lease_to(holder(1), true)), soon());
    let epoch = leased.runs[0].epoch;
    let command = WorkerCommand::Begin;
    let (begun, _) = after(
        &leased,
        to(1, RunCommand::Worker { epoch, command }),
        soon(),
    );
    assert_eq!(checkpoint(&begun), None);

    let (at_once, _) = after(&lost, to(1, lease_to(holder(1), false)), soon());
    assert_eq!(
        checkpoint(&at_once),
        Some(sealed("step 3")),
        "the worker must learn of it"
    );
}

#[test]
fn the_tenth_loss_fails_a_run_that_never_began() {
    let mut scene = scene(SessionState::Queued, vec![queued(1, Waiting::ForWorker)]);
    for loss in 1..=10 {
        scene = after(&scene, to(1, lease_to(holder(1), true)), soon()).0;
        let gone = RunCommand::WorkerGone { holder: holder(1) };
        scene = after(&scene, to(1, gone), soon()).0;
        let expected = if loss < 10 {
            Status::Queued
        } else {
            Status::Failed
        };
        assert_eq!(scene.runs[0].status(), expected, "loss {loss}");
    }
    assert_eq!(scene.runs[0].attempts, 0);
}

#[test]
fn another_start_of_a_worker_takes_nothing_from_its_follower() {
    let scene = scene(is_running(), vec![running(1)]);
    let gone = RunCommand::WorkerGone { holder: holder(2) };

    let status = Status::Running;
    assert_eq!(
        decide(&scene, to(1, gone), soon()),
        Err(Refusal::NotDue { status })
    );
}

#[test]
fn answers_are_gone_with_the_next_question_and_the_finish() {
    let (answered, _) = after(
        &scene(is_running(), vec![Situation::Asking.run(1)]),
        to(1, Asked::Answer.command()),
        soon(),
    );
    let shown = |scene: &Scene| format!("{:?}", scene.runs[0].state);
    assert!(shown(&answered).contains("Sealed"));

    for asked in [
        Asked::Interact,
        Asked::FinishSuccess,
        Asked::Cancel,
        Asked::WorkerGone,
    ] {
        let (next, _) = after(&answered, to(1, asked.command()), soon());
        assert!(!shown(&next).contains("Sealed"), "{asked:?}");
    }
}

#[test]
fn a_new_question_has_its_own_moments() {
    let (asking, _) = after(
        &scene(is_running(), vec![Situation::RunningAnswered.run(1)]),
        to(1, worker(interact(2))),
        soon(),
    );

    let RunState::InteractionRequired { interaction, .. } = &asking.runs[0].state else {
        panic!("{:?}", asking.runs[0].state);
    };
    assert_eq!((interaction.attempt, interaction.created_at), (2, soon()));
    assert_eq!(interaction.expires_at, soon() + seconds(900));
    assert_eq!(asking.runs[0].runtime, seconds(1), "a pause is no runtime");
}
