//! What a decision brings beside the next statuses: output, credential, events, signals, runtime.

use serde_json::json;
use windlass_domain::credential::CredentialStatus;
use windlass_domain::lifecycle::{Changes, Scene, SceneCredential, Signal};
use windlass_domain::run::{
    CredentialReport, Epoch, ErrorCode, Finish, FinishOutcome, RunCommand, Status, Waiting,
    WorkerCommand,
};
use windlass_domain::session::SessionState;
use windlass_domain::task::Review;

use crate::asked::Asked;
use crate::fixture::{
    EPOCH, STARTED, after, answer, credential_id, entered, failure, finish, holder, is_running,
    names, queued, run_id, running, scene, sealed, seconds, soon, success, to, worker,
};
use crate::situation::Situation;

#[test]
fn an_output_is_kept_where_it_may_show() {
    let run_in = |review| {
        let mut run = running(1);
        run.settings.review = review;
        scene(is_running(), vec![run])
    };
    let output = Some(json!({"amount": 1}));
    let done = Asked::FinishSuccess.command();

    let (_, completed) = after(&run_in(Review::None), to(1, done.clone()), soon());
    assert_eq!(completed.output, output);
    let (in_review, reviewed) = after(&run_in(Review::Required), to(1, done), soon());
    assert_eq!(reviewed.output, output);
    let corrected = Some(json!({"amount": 2}));
    let approve = RunCommand::Approve {
        output: corrected.clone(),
    };
    assert_eq!(
        after(&in_review, to(1, approve), soon()).1.output,
        corrected
    );

    let canceling = scene(is_running(), vec![Situation::Canceling.run(1)]);
    let (_, dropped) = after(&canceling, to(1, Asked::FinishSuccess.command()), soon());
    assert_eq!(
        dropped.output, None,
        "a success after an accepted cancel is dropped"
    );
}

#[test]
fn a_finish_says_what_became_of_the_credential() {
    use CredentialReport::{Invalid, Verified};
    use CredentialStatus as C;

    let refused = || failure(ErrorCode::AuthInvalid);
    let broken = || failure(ErrorCode::SourceError);
    type Case = (C, FinishOutcome, Option<CredentialReport>, Option<C>);
    let cases: [Case; 9] = [
        (C::Unverified, success(), Some(Verified), Some(C::Verified)),
        (C::Unverified, success(), None, None),
        (C::Invalid, success(), Some(Verified), Some(C::Verified)),
        (C::Verified, success(), Some(Verified), None),
        (C::Verified, broken(), Some(Invalid), Some(C::Invalid)),
        (C::Verified, broken(), None, None),
        (C::Verified, refused(), None, Some(C::Invalid)),
        (C::Verified, refused(), Some(Verified), Some(C::Invalid)),
        (C::Deleted, refused(), None, None),
    ];
    for (before, outcome, credential, expected) in cases {
        let mut scene = scene(is_running(), vec![running(1)]);
        scene.credential = Some(SceneCredential {
            id: credential_id(),
            status: before,
            secrets_version: 1,
            updated_at: soon() + seconds(5),
        });
        let finish = Finish {
            credential,
            ..finish(outcome.clone())
        };

        let (_, changes) = after(&scene, to(1, worker(WorkerCommand::Finish(finish))), soon());

        let case = format!("{before} {outcome:?} {credential:?}");
        assert_eq!(
            changes.credential.map(|credential| credential.status),
            expected,
            "{case}"
        );
        let last = changes.events.last().expect("there are events");
        assert_eq!(
            last.event_type.family() == "credential",
            expected.is_some(),
            "{case}"
        );
        if let Some(credential) = changes.credential {
            assert!(
                credential.updated_at > soon() + seconds(5),
                "its moments rise too"
            );
            assert_eq!(last.at, credential.updated_at);
        }
    }
}

#[test]
fn events_come_in_the_order_in_which_they_became_true() {
    let runs = vec![running(1), queued(2, Waiting::ForSession)];
    let (_, changes) = after(
        &scene(is_running(), runs),
        to(1, Asked::WorkerGone.command()),
        soon(),
    );

    assert_eq!(
        names(&changes),
        ["task_run.failed", "session.failed", "task_run.failed"]
    );
    assert_eq!(entered(&changes.events, run_id(2)), [Status::Failed]);
}

#[test]
fn a_worker_is_told_to_stop_by_cancel_and_by_force() {
    let stop = Signal::Stop {
        holder: holder(1),
        run_id: run_id(1),
    };
    for (situation, asked, is_told) in [
        (Situation::RunningBegun, Asked::Cancel, true),
        (Situation::RunningBegun, Asked::InactivityTimedOut, true),
        (Situation::RunningBegun, Asked::LeaseLost, true),
        (Situation::Asking, Asked::Decline, true),
        (Situation::Canceling, Asked::CancelGraceOver, true),
        (Situation::Canceling, Asked::Cancel, false),
        (Situation::RunningBegun, Asked::FinishSuccess, false),
        (Situation::RunningBegun, Asked::Released, false),
        (Situation::Canceling, Asked::Released, false),
    ] {
        let scene = scene(is_running(), vec![situation.run(1)]);
        let (_, changes) = after(&scene, to(1, asked.command()), asked.now());
        assert_eq!(
            changes.signals.contains(&stop),
            is_told,
            "{situation:?} × {asked:?}"
        );
    }
}

#[test]
fn what_is_heard_again_is_answered_with_the_run_and_changes_nothing() {
    for (situation, asked) in [
        (Situation::Canceled, Asked::Cancel),
        (Situation::Completed, Asked::FinishAgain),
        (Situation::Asking, Asked::InteractAgain),
    ] {
        let run = situation.run(1);
        let scene = scene(situation.session_state(), vec![run.clone()]);

        let (_, changes) = after(&scene, to(1, asked.command()), soon());

        let nothing = Changes {
            runs: vec![run],
            ..Changes::default()
        };
        assert_eq!(changes, nothing, "{situation:?} × {asked:?}");
    }
}

#[test]
fn runtime_counts_running_and_canceling() {
    let step = |scene: &Scene, asked: Asked, at: u64| {
        after(scene, to(1, asked.command()), STARTED + seconds(at)).0
    };
    let mut state = queued(1, Waiting::ForWorker);
    state.epoch = Epoch(EPOCH.0 - 1);
    let mut scene = scene(SessionState::Queued, vec![state]);
    scene = step(&scene, Asked::Lease, 10);
    scene = step(&scene, Asked::Interact, 13);
    let answers = to(1, answer(&scene.runs[0]));
    scene = after(&scene, answers, STARTED + seconds(113)).0;
    scene = step(&scene, Asked::Cancel, 117);
    scene = step(&scene, Asked::FinishSuccess, 122);

    assert_eq!(scene.runs[0].status(), Status::Canceled);
    assert_eq!(scene.runs[0].runtime, seconds(3 + 4 + 5));
    let session = scene.session.expect("it is there");
    assert_eq!(
        session.runtime,
        seconds(112),
        "a session runs while its run waits"
    );
}

#[test]
fn a_login_is_saved_where_it_may_be_and_erased_where_it_was_refused() {
    use CredentialReport::{Invalid, Verified};
    use CredentialStatus as C;

    let refused = || failure(ErrorCode::AuthInvalid);
    let broken = || failure(ErrorCode::SourceError);
    let saved = Some(Some(sealed("cookies")));
    let cases = [
        (
            true,
            C::Unverified,
            success(),
            Some(Verified),
            saved.clone(),
        ),
        (true, C::Verified, success(), None, saved),
        (true, C::Unverified, success(), None, None),
        (true, C::Invalid, success(), None, None),
        (true, C::Deleted, success(), Some(Verified), None),
        (false, C::Verified, success(), Some(Verified), None),
        (true, C::Verified, broken(), None, None),
        (true, C::Verified, broken(), Some(Invalid), Some(None)),
        (false, C::Verified, refused(), None, Some(None)),
        (true, C::Invalid, refused(), None, Some(None)),
        (true, C::Deleted, refused(), None, None),
    ];
    for (keep_login, status, outcome, credential, expected) in cases {
        let mut run = running(1);
        run.settings.keep_login = keep_login;
        let mut scene = scene(is_running(), vec![run]);
        scene.credential = Some(SceneCredential {
            id: credential_id(),
            status,
            secrets_version: 1,
            updated_at: soon(),
        });
        let finish = Finish {
            credential,
            login: Some(sealed("cookies")),
            ..finish(outcome.clone())
        };

        let (_, changes) = after(&scene, to(1, worker(WorkerCommand::Finish(finish))), soon());

        let case = format!("{keep_login} {status} {outcome:?} {credential:?}");
        assert_eq!(changes.login.map(|saved| saved.login), expected, "{case}");
    }
}
