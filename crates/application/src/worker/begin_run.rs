//! Begins a run: from here on its source may have been touched.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{SecretSlice, SecretString};
use windlass_domain::credential::{Credential, CredentialStatus};
use windlass_domain::id::CredentialId;
use windlass_domain::run::{Run, WorkerCommand};

use super::held_runs::{Heard, HeldRuns, LeaseCall};
use crate::contents::{self, CredentialSecret, CredentialSummary};
use crate::error::CallError;
use crate::ports::{Credentials, Vault};

/// How often a run begins anew because its credential's secrets were replaced meanwhile. Then it has
/// them all the same: what it says of them is not taken for what it began with.
const MAX_TRIES: u32 = 3;

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
        let mut tries = MAX_TRIES;
        loop {
            let run = self.held.say(call, WorkerCommand::Begin, None).await?;
            let cancel = Heard::of(&run).cancel;
            let credential = match run.credential_id {
                Some(id) if !cancel => self.find(call, id).await?,
                Some(_) | None => None,
            };
            let Some(credential) = credential else {
                return Ok(Begun {
                    credential: None,
                    cancel,
                });
            };
            tries -= 1;
            let known = run.state.lease().and_then(|lease| lease.secrets_version);
            // Its secrets were replaced in between: the run is to know which ones it has.
            let is_known = known.is_none_or(|known| known == credential.secrets_version);
            if is_known || tries == 0 {
                let credential = Some(self.open(call, &run, &credential).await?);
                return Ok(Begun { credential, cancel });
            }
        }
    }

    async fn find(
        &self,
        call: &LeaseCall,
        id: CredentialId,
    ) -> Result<Option<Credential>, CallError> {
        let credential = self.credentials.get(call.organization, id).await?;
        Ok(credential.filter(|it| it.status != CredentialStatus::Deleted))
    }

    async fn open(
        &self,
        call: &LeaseCall,
        run: &Run,
        credential: &Credential,
    ) -> Result<OpenedCredential, CallError> {
        let id = credential.id;
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
        Ok(OpenedCredential {
            id,
            username: summary.username,
            source_fields: summary.source_fields,
            password: secret.password,
            totp_secret: secret.totp_secret,
            login: login.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests;
