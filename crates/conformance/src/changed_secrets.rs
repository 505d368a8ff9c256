//! What is promised of a credential whose secrets are replaced, also while runs go on with the old ones.

use std::sync::Arc;

use windlass_application::ports::WriteError;
use windlass_application::ports::credentials::{CredentialView, Show};
use windlass_domain::credential::{
    Credential, CredentialContents, CredentialEdit, CredentialStatus,
};
use windlass_domain::edit::Edit;
use windlass_domain::event::EventType;
use windlass_domain::run::{
    AfterRun, CredentialReport, ErrorCode, Finish, FinishOutcome, WorkerCommand,
};

use crate::stage::{Stage, failure, output, sealed};
use crate::store::{Fixture, done};

/// New contents replace the old ones as a whole, and nobody has tried them.
pub async fn a_changed_credential_is_read_back(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let before = fixture.credential(&source.id).await;
    let credentials = &fixture.ports.credentials;
    let edit = CredentialEdit {
        external_id: Edit::Clear,
        contents: Some(contents("new")),
    };

    let changed = credentials
        .update(fixture.write(), before.id, edit, show())
        .await;

    let changed = done(changed.expect("it is there")).credential;
    assert_eq!(changed.summary, Some(sealed("summary new")));
    assert_eq!(changed.secret, Some(sealed("secret new")));
    assert_eq!(changed.external_id, None);
    assert_eq!(changed.status, CredentialStatus::Unverified);
    assert_eq!(changed.secrets_version, before.secrets_version + 1);
    assert!(changed.updated_at > before.updated_at);
    let read = credentials.get(fixture.organization, before.id).await;
    assert_eq!(read.expect("a read"), Some(changed));
    let last = fixture.event_types().await.pop();
    assert_eq!(last, Some(EventType::CredentialUnverified));
}

/// A new name alone is no event, and what changes nothing is nothing.
pub async fn a_credentials_name_is_changed_alone(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let before = fixture.credential(&source.id).await;
    let events = fixture.event_types().await;
    let credentials = &fixture.ports.credentials;
    let named = CredentialEdit {
        external_id: Edit::Set("person-9".to_owned()),
        contents: None,
    };

    let empty = CredentialEdit::default();
    let same = credentials
        .update(fixture.write(), before.id, empty, show())
        .await;
    let changed = credentials
        .update(fixture.write(), before.id, named, show())
        .await;

    assert_eq!(done(same.expect("it is there")).credential, before);
    let changed = done(changed.expect("it is there")).credential;
    assert_eq!(changed.external_id.as_deref(), Some("person-9"));
    assert_eq!(changed.secret, before.secret);
    assert_eq!(changed.status, before.status);
    assert_eq!(fixture.event_types().await, events);
}

/// A deleted credential, and another organization's, stay as they are.
pub async fn a_credential_that_is_gone_is_not_changed(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let before = fixture.credential(&source.id).await;
    let credentials = &fixture.ports.credentials;
    let edit = || CredentialEdit {
        external_id: Edit::Clear,
        contents: Some(contents("new")),
    };

    let write = fixture.write_of(fixture.stranger);
    let theirs = credentials.update(write, before.id, edit(), show()).await;
    let deleted = credentials.delete(fixture.write(), before.id).await;
    done(deleted.expect("it is there"));
    let deleted = credentials
        .update(fixture.write(), before.id, edit(), show())
        .await;

    assert!(matches!(theirs, Err(WriteError::NotFound)), "{theirs:?}");
    let is_refused = matches!(deleted, Err(WriteError::CredentialDeleted));
    assert!(is_refused, "{deleted:?}");
    let read = credentials.get(fixture.organization, before.id).await;
    let read = read.expect("a read").expect("its record stays");
    assert_eq!((read.summary, read.secret), (None, None));
}

/// New secrets erase the login that was saved with the old ones.
pub async fn new_secrets_erase_the_saved_login(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.keep_login = true).await;
    let run = stage.begun().await;
    stage.say(&run, success("cookies")).await;
    let before = login(&stage).await;

    renew(&stage).await;

    assert!(before.is_some());
    assert_eq!(login(&stage).await, None);
    assert_eq!(status(&stage).await, CredentialStatus::Unverified);
}

/// What a run says of secrets that were replaced since it began is not said of the new ones: neither
/// that they work, nor that they do not; and its login is not theirs.
pub async fn a_report_on_old_secrets_says_nothing_of_new_ones(fixture: &Fixture) {
    let stage = Stage::with(fixture, |settings| settings.keep_login = true).await;
    for told in [success("old cookies"), failure(ErrorCode::AuthInvalid)] {
        let run = stage.begun().await;
        renew(&stage).await;
        let before = credential(&stage).await;

        stage.say(&run, told).await;

        assert_eq!(credential(&stage).await, before);
        assert_eq!(login(&stage).await, None);
    }
}

/// A run that begins after the change, or begins again, has the new secrets, and its word counts.
pub async fn a_report_on_new_secrets_counts(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    renew(&stage).await;
    let run = stage.begun().await;
    stage.say(&run, success("cookies")).await;
    let verified = status(&stage).await;
    let run = stage.begun().await;
    renew(&stage).await;
    let run = stage.say(&run, WorkerCommand::Begin).await;

    stage.say(&run, failure(ErrorCode::AuthInvalid)).await;

    assert_eq!(verified, CredentialStatus::Verified);
    assert_eq!(status(&stage).await, CredentialStatus::Invalid);
}

/// Whichever comes first, a run's word on the old secrets or the new ones: these are not verified.
pub async fn a_report_that_meets_new_secrets_is_not_theirs(fixture: &Fixture) {
    let stage = Stage::new(fixture).await;
    for _ in 0..8 {
        let run = stage.begun().await;

        tokio::join!(stage.say(&run, success("cookies")), renew(&stage));

        assert_eq!(status(&stage).await, CredentialStatus::Unverified);
    }
}

/// Shows nothing that is sealed: what seals is not of a store.
fn show() -> Show {
    Arc::new(|credential| {
        Ok(CredentialView {
            credential,
            username: None,
            source_fields: [].into(),
        })
    })
}

fn contents(text: &str) -> CredentialContents {
    CredentialContents {
        summary: sealed(&format!("summary {text}")),
        secret: Some(sealed(&format!("secret {text}"))),
    }
}

async fn renew(stage: &Stage<'_>) {
    let edit = CredentialEdit {
        external_id: Edit::Keep,
        contents: Some(contents("new")),
    };
    let credentials = &stage.fixture.ports.credentials;
    let id = stage.credential.id;
    let changed = credentials.update(stage.fixture.write(), id, edit, show());
    done(changed.await.expect("it is there"));
}

fn success(login: &str) -> WorkerCommand {
    WorkerCommand::Finish(Finish {
        digest: [1; 32],
        outcome: FinishOutcome::Success { output: output() },
        credential: Some(CredentialReport::Verified),
        session: AfterRun::End,
        login: Some(sealed(login)),
    })
}

async fn credential(stage: &Stage<'_>) -> Credential {
    let credentials = &stage.fixture.ports.credentials;
    let read = credentials.get(stage.fixture.organization, stage.credential.id);
    read.await.expect("a read").expect("it is there")
}

async fn status(stage: &Stage<'_>) -> CredentialStatus {
    credential(stage).await.status
}

async fn login(stage: &Stage<'_>) -> Option<windlass_domain::sealed::Sealed> {
    let credentials = &stage.fixture.ports.credentials;
    let read = credentials.login(stage.fixture.organization, stage.credential.id);
    read.await.expect("a read")
}
