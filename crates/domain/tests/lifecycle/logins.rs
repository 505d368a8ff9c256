//! What a run goes on with is logged in with secrets of its credential, which may be replaced meanwhile.
//! Source: docs/decisions/0020-a-report-is-of-the-secrets-that-a-run-began-with.md.

use windlass_domain::credential::CredentialStatus;
use windlass_domain::id::Random;
use windlass_domain::lifecycle::{Changes, Scene, SceneCredential};
use windlass_domain::run::{
    CredentialReport, Epoch, Finish, Lease, RunCommand, RunState, Waiting, WorkerCommand,
};
use windlass_domain::session::{Session, SessionState};

use crate::fixture::{
    after, answer, credential_id, finish, holder, lease_to, queued, run_id, scene, sealed, soon,
    success, to,
};

fn with_secrets(mut scene: Scene, secrets_version: u32) -> Scene {
    scene.credential = Some(SceneCredential {
        id: credential_id(),
        status: CredentialStatus::Unverified,
        secrets_version,
        updated_at: soon(),
    });
    scene
}

/// A session that waits with these runs, the first of which may be leased.
fn waiting(runs: &[u8]) -> Scene {
    let waits = |number: &u8| match number {
        1 => queued(1, Waiting::ForWorker),
        other => queued(*other, Waiting::ForSession),
    };
    let mut runs: Vec<_> = runs.iter().map(waits).collect();
    for run in &mut runs {
        run.settings.keep_login = true;
    }
    scene(SessionState::Queued, runs)
}

fn leased(scene: &Scene, number: u8) -> (Scene, Lease) {
    let (scene, _) = after(scene, to(number, lease_to(holder(1), true)), soon());
    let run = scene.runs.iter().find(|run| run.id == run_id(number));
    let lease = run.and_then(|run| run.state.lease()).cloned();
    (scene, lease.expect("it is held"))
}

fn told(scene: &Scene, number: u8, command: WorkerCommand) -> (Scene, Changes) {
    let epoch = scene.runs.iter().find(|run| run.id == run_id(number));
    let epoch = epoch.map_or(Epoch::NONE, |run| run.epoch);
    after(
        scene,
        to(number, RunCommand::Worker { epoch, command }),
        soon(),
    )
}

/// It succeeds, and brings a login.
fn finished(scene: &Scene, number: u8) -> (Scene, Changes) {
    let finish = Finish {
        credential: Some(CredentialReport::Verified),
        login: Some(sealed("cookies")),
        ..finish(success())
    };
    told(scene, number, WorkerCommand::Finish(finish))
}

fn logged_in_with(scene: &Scene) -> Option<u32> {
    scene.session.as_ref().and_then(Session::secrets_version)
}

/// The first run has logged in with the first secrets, and another waits for its session.
fn logged_in() -> Scene {
    let (scene, _) = leased(&with_secrets(waiting(&[1, 2]), 1), 1);
    let (scene, _) = told(&scene, 1, WorkerCommand::Begin);
    let (scene, _) = finished(&scene, 1);
    assert_eq!(logged_in_with(&scene), Some(1));
    scene
}

#[test]
fn a_session_is_gone_on_with_while_its_credential_has_the_secrets_of_its_login() {
    let (_, lease) = leased(&logged_in(), 2);

    assert!(lease.resumed);
}

#[test]
fn a_session_with_a_login_of_replaced_secrets_starts_from_nothing() {
    let (scene, lease) = leased(&with_secrets(logged_in(), 2), 2);
    assert!(!lease.resumed);

    let (scene, _) = told(&scene, 2, WorkerCommand::Begin);
    let (scene, changes) = finished(&scene, 2);

    let credential = changes.credential.expect("it is reported of the new ones");
    assert_eq!(credential.status, CredentialStatus::Verified);
    assert!(changes.login.is_some());
    assert_eq!(logged_in_with(&scene), Some(2));
}

#[test]
fn secrets_that_are_replaced_between_a_lease_and_its_begin_are_not_reported_of() {
    let (scene, lease) = leased(&logged_in(), 2);
    assert!(lease.resumed);

    let (scene, _) = told(&with_secrets(scene, 2), 2, WorkerCommand::Begin);
    let (scene, changes) = finished(&scene, 2);

    assert_eq!((changes.credential, changes.login), (None, None));
    assert_eq!(logged_in_with(&scene), Some(1));
}

#[test]
fn who_goes_on_from_a_checkpoint_says_nothing_of_secrets_that_are_newer() {
    let (scene, _) = leased(&with_secrets(waiting(&[1]), 1), 1);
    let (scene, _) = told(&scene, 1, WorkerCommand::Begin);
    let asks = WorkerCommand::Interact {
        attempt: 1,
        kind: "mfa".to_owned(),
        message: "Enter the code".to_owned(),
        fields: Vec::new(),
        checkpoint: Some(sealed("here")),
        random: Random([9; 10]),
    };
    let (scene, _) = told(&scene, 1, asks);
    let gone = RunCommand::WorkerGone { holder: holder(1) };
    // Lost once more before it has begun, it is still of the first secrets.
    let (scene, _) = after(&scene, to(1, gone.clone()), soon());
    let (scene, _) = leased(&scene, 1);
    let (scene, _) = after(&scene, to(1, gone), soon());
    assert!(matches!(
        scene.runs[0].state,
        RunState::Queued {
            secrets_version: Some(1),
            ..
        }
    ));

    let (scene, lease) = leased(&with_secrets(scene, 2), 1);
    assert!(lease.checkpoint.is_some());
    let (scene, _) = told(&scene, 1, WorkerCommand::Begin);
    let (scene, changes) = finished(&scene, 1);

    assert_eq!((changes.credential, changes.login), (None, None));
    assert_eq!(logged_in_with(&scene), Some(1));
}

#[test]
fn who_goes_on_from_a_checkpoint_reports_of_the_secrets_that_are_still_there() {
    let (scene, _) = leased(&with_secrets(waiting(&[1]), 1), 1);
    let (scene, _) = told(&scene, 1, WorkerCommand::Begin);
    let (scene, _) = told(&scene, 1, crate::fixture::interact(1));
    let answered = answer(&scene.runs[0]);
    let (scene, _) = after(&scene, to(1, answered), soon());

    let (_, changes) = finished(&scene, 1);

    assert!(changes.credential.is_some() && changes.login.is_some());
}
