//! When a credential is opened.

use std::sync::Arc;

use mockall::Sequence;
use secrecy::{ExposeSecret, SecretString};
use windlass_domain::credential::{AuthMethod, Credential};
use windlass_domain::id::Random;
use windlass_domain::run::{Epoch, Refusal, RunCommand, RunState};

use super::*;
use crate::contents::{CredentialSecret, CredentialSummary};
use crate::fixture::{OpenVault, now, source_id, view};
use crate::ports::WriteError;
use crate::ports::credentials::MockCredentials;
use crate::ports::runs::{Commanded, MockRuns};
use crate::worker::fixture::{canceling, held_runs, lease, lease_call, running};
use crate::write::Written;

fn credential_id() -> CredentialId {
    CredentialId::new(now(), Random([8; 10]))
}

fn credential(status: CredentialStatus) -> Credential {
    let summary = CredentialSummary {
        username: Some("ada".to_owned()),
        ..CredentialSummary::default()
    };
    let secret = CredentialSecret {
        password: Some(SecretString::from("hunter2")),
        totp_secret: None,
    };
    let is_there = status != CredentialStatus::Deleted;
    Credential {
        id: credential_id(),
        source_id: source_id(),
        auth_method: AuthMethod::UsernamePassword,
        external_id: None,
        status,
        summary: is_there.then(|| summary.seal(&OpenVault, credential_id())),
        secret: is_there.then(|| secret.seal(&OpenVault, credential_id())),
        secrets_version: 1,
        created_at: now(),
        updated_at: now(),
    }
}

/// The run has the credential, and has begun in this state.
fn begun(state: RunState) -> Written<Commanded> {
    let mut run = view(state);
    run.run.credential_id = Some(credential_id());
    Written::Done(Commanded {
        run,
        signals: vec![],
    })
}

async fn begin(runs: MockRuns, credentials: MockCredentials) -> Result<Begun, CallError> {
    let begin_run = BeginRun {
        held: held_runs(runs),
        vault: CredentialVault {
            credentials: Arc::new(credentials),
            vault: Arc::new(OpenVault),
        },
    };
    begin_run.execute(&lease_call()).await
}

#[tokio::test]
async fn the_credential_is_opened_once_begin_is_committed() {
    let (mut runs, mut credentials) = (MockRuns::new(), MockCredentials::new());
    let mut sequence = Sequence::new();
    runs.expect_command()
        .once()
        .in_sequence(&mut sequence)
        .withf(|_, _, command, attachment| {
            let begin = RunCommand::Worker {
                epoch: Epoch(1),
                command: WorkerCommand::Begin,
            };
            *command == begin && attachment.is_none()
        })
        .returning(|_, _, _, _| Ok(begun(running())));
    credentials
        .expect_get()
        .once()
        .in_sequence(&mut sequence)
        .returning(|_, _| Ok(Some(credential(CredentialStatus::Unverified))));

    let begun = begin(runs, credentials).await.unwrap();

    let opened = begun.credential.unwrap();
    assert_eq!(opened.username.as_deref(), Some("ada"));
    let password = opened.password.unwrap();
    assert_eq!(password.expose_secret(), "hunter2");
    assert!(!begun.cancel);
}

#[tokio::test]
async fn a_refused_begin_opens_nothing() {
    let mut runs = MockRuns::new();
    runs.expect_command().once().returning(|_, _, _, _| {
        Err(WriteError::Refused(Refusal::LeaseLost {
            given: Epoch(1),
            current: Epoch(2),
        }))
    });

    let refused = begin(runs, MockCredentials::new()).await.map(|_| ());

    assert!(matches!(
        refused,
        Err(CallError::Refused(Refusal::LeaseLost { .. }))
    ));
}

#[tokio::test]
async fn a_run_that_is_being_canceled_opens_nothing() {
    let mut runs = MockRuns::new();
    runs.expect_command()
        .once()
        .returning(|_, _, _, _| Ok(begun(canceling())));

    let begun = begin(runs, MockCredentials::new()).await.unwrap();

    assert!(begun.credential.is_none() && begun.cancel);
}

#[tokio::test]
async fn a_deleted_credential_is_none() {
    let (mut runs, mut credentials) = (MockRuns::new(), MockCredentials::new());
    runs.expect_command()
        .once()
        .returning(|_, _, _, _| Ok(begun(running())));
    credentials
        .expect_get()
        .once()
        .returning(|_, _| Ok(Some(credential(CredentialStatus::Deleted))));

    let begun = begin(runs, credentials).await.unwrap();

    assert!(begun.credential.is_none() && !begun.cancel);
}

#[tokio::test]
async fn a_run_knows_the_secrets_that_it_is_given() {
    let (mut runs, mut credentials) = (MockRuns::new(), MockCredentials::new());
    for known in [1, 2] {
        runs.expect_command().once().returning(move |_, _, _, _| {
            let mut lease = lease();
            lease.secrets_version = Some(known);
            Ok(begun(RunState::Running {
                lease,
                active_at: now(),
                answered: None,
            }))
        });
    }
    credentials.expect_get().times(2).returning(|_, _| {
        Ok(Some(Credential {
            secrets_version: 2,
            ..credential(CredentialStatus::Unverified)
        }))
    });

    let begun = begin(runs, credentials).await.unwrap();

    assert!(begun.credential.is_some());
}
