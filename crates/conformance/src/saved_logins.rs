//! What is promised of the login that is saved with a credential.

use windlass_application::OrganizationContext;
use windlass_domain::run::{
    AfterRun, CredentialReport, ErrorCode, Finish, FinishOutcome, WorkerCommand,
};
use windlass_domain::sealed::Sealed;

use crate::stage::{Stage, failure, output, sealed};
use crate::store::{Fixture, done};

/// A success with a credential that the source has verified leaves its login, sealed, with the
/// credential; the next one takes its place. Nobody else sees it.
pub async fn a_success_leaves_its_login(fixture: &Fixture) {
    let stage = keeping(fixture, true).await;
    let before = login(&stage).await;

    succeed(&stage, "cookies 1", Some(CredentialReport::Verified)).await;
    let first = login(&stage).await;
    succeed(&stage, "cookies 2", None).await;

    assert_eq!(before, None);
    assert_eq!(first, Some(sealed("cookies 1")));
    assert_eq!(login(&stage).await, Some(sealed("cookies 2")));
    assert_eq!(login_of(&stage, fixture.stranger).await, None);
}

/// A task that does not ask for it leaves none, nor does a credential that was never verified.
pub async fn a_login_is_saved_only_where_it_may_be(fixture: &Fixture) {
    let stage = keeping(fixture, true).await;
    succeed(&stage, "cookies", None).await;
    assert_eq!(login(&stage).await, None, "nobody has verified it");

    let asks_not = stage
        .task_with("task_asks_not", |settings| settings.keep_login = false)
        .await;
    stage.start(stage.new_run_of(&asks_not)).await;
    finish_next(&stage, "cookies", Some(CredentialReport::Verified)).await;

    assert_eq!(login(&stage).await, None);
}

/// A login that the source refuses is one that nobody starts from again.
pub async fn a_refused_login_erases_the_saved_one(fixture: &Fixture) {
    let stage = keeping(fixture, true).await;
    succeed(&stage, "cookies", Some(CredentialReport::Verified)).await;
    let run = stage.begun().await;
    stage.say(&run, failure(ErrorCode::SourceError)).await;
    let after_another_failure = login(&stage).await;
    let run = stage.begun().await;

    stage.say(&run, failure(ErrorCode::AuthInvalid)).await;

    assert_eq!(after_another_failure, Some(sealed("cookies")));
    assert_eq!(login(&stage).await, None);
}

/// What a credential has is erased with it, and a run that ends later brings nothing back.
pub async fn a_deleted_credential_has_no_login(fixture: &Fixture) {
    let stage = keeping(fixture, true).await;
    succeed(&stage, "cookies", Some(CredentialReport::Verified)).await;
    stage.started().await;
    let credentials = &fixture.ports.credentials;

    let deleted = credentials.delete(fixture.write(), stage.credential.id);
    done(deleted.await.expect("it is there"));
    let after_delete = login(&stage).await;
    finish_next(&stage, "cookies", Some(CredentialReport::Verified)).await;

    assert_eq!(after_delete, None);
    assert_eq!(login(&stage).await, None);
}

async fn keeping(fixture: &Fixture, keep_login: bool) -> Stage<'_> {
    Stage::with(fixture, |settings| settings.keep_login = keep_login).await
}

/// A run that succeeds in a session of its own, and leaves this login.
async fn succeed(stage: &Stage<'_>, login: &str, credential: Option<CredentialReport>) {
    stage.started().await;
    finish_next(stage, login, credential).await;
}

async fn finish_next(stage: &Stage<'_>, login: &str, credential: Option<CredentialReport>) {
    let leased = stage.next().await.expect("a run waits");
    let run = stage.say(&leased.run, WorkerCommand::Begin).await;
    let finish = Finish {
        digest: [1; 32],
        outcome: FinishOutcome::Success { output: output() },
        credential,
        session: AfterRun::End,
        login: Some(sealed(login)),
    };
    stage.say(&run, WorkerCommand::Finish(finish)).await;
}

async fn login(stage: &Stage<'_>) -> Option<Sealed> {
    login_of(stage, stage.fixture.organization).await
}

async fn login_of(stage: &Stage<'_>, organization: OrganizationContext) -> Option<Sealed> {
    let credentials = &stage.fixture.ports.credentials;
    let login = credentials.login(organization, stage.credential.id).await;
    login.expect("the store reads")
}
