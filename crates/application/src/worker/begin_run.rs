//! Begins a run: from here on its source may have been touched.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{SecretSlice, SecretString};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::id::CredentialId;
use windlass_domain::run::{Run, WorkerCommand};

use super::held_runs::{Heard, HeldRuns, LeaseCall};
use crate::contents::{self, CredentialSecret, CredentialSummary};
use crate::error::CallError;
use crate::ports::{Credentials, Vault};

/// Begins a run.
pub struct BeginRun {
    pub(super) held: HeldRuns,
    pub(super) credentials: Arc<dyn Credentials>,
    pub(super) vault: Arc<dyn Vault>,
}

/// A run that has begun.
#[derive(Clone)]
pub struct Begun {
    /// None where the run has no credential, or it was deleted, or the agent should stop.
    pub credential: Option<OpenedCredential>,
    /// Whether the agent should stop.
    pub cancel: bool,
}

/// A credential with its secrets, for the agent of one run.
#[derive(Clone)]
pub struct OpenedCredential {
    /// Its id.
    pub id: CredentialId,
    /// The user name.
    pub username: Option<String>,
    /// What else the source asks for.
    pub source_fields: BTreeMap<String, String>,
    /// The password.
    pub password: Option<SecretString>,
    /// The base32 secret of a TOTP authenticator.
    pub totp_secret: Option<SecretString>,
    /// What the source knew the person by in an earlier session, where the task asks for it.
    pub login: Option<SecretSlice<u8>>,
}

impl BeginRun {
    /// The run has begun; only then its credential is opened, so that no secret leaves for a run
    /// that might be repeated.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`; `Vault` where the credential does not open.
    pub async fn execute(&self, call: &LeaseCall) -> Result<Begun, CallError> {
        let run = self.held.say(call, WorkerCommand::Begin, None).await?;
        let cancel = Heard::of(&run).cancel;
        let credential = match run.credential_id {
            Some(id) if !cancel => self.open(call, &run, id).await?,
            Some(_) | None => None,
        };
        Ok(Begun { credential, cancel })
    }

    async fn open(
        &self,
        call: &LeaseCall,
        run: &Run,
        id: CredentialId,
    ) -> Result<Option<OpenedCredential>, CallError> {
        let credential = self.credentials.get(call.organization, id).await?;
        let Some(credential) = credential.filter(|it| it.status != CredentialStatus::Deleted)
        else {
            return Ok(None);
        };
        let vault = self.vault.of(call.organization.organization_id()).await?;
        let summary = match &credential.summary {
            Some(sealed) => CredentialSummary::open(&*vault, id, sealed)?,
            None => CredentialSummary::default(),
        };
        let secret = match &credential.secret {
            Some(sealed) => CredentialSecret::open(&*vault, id, sealed)?,
            None => CredentialSecret::default(),
        };
        let login = if run.settings.keep_login {
            self.credentials.login(call.organization, id).await?
        } else {
            None
        };
        let login = login.map(|sealed| contents::open_login(&*vault, id, &sealed));
        Ok(Some(OpenedCredential {
            id,
            username: summary.username,
            source_fields: summary.source_fields,
            password: secret.password,
            totp_secret: secret.totp_secret,
            login: login.transpose()?,
        }))
    }
}

#[cfg(test)]
mod tests;
