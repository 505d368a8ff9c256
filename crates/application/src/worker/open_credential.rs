//! Opens a credential for the agent of one run.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{SecretSlice, SecretString};
use windlass_domain::credential::{AuthMethod, Credential, CredentialStatus};
use windlass_domain::id::CredentialId;
use windlass_domain::run::Run;

use crate::contents::{self, CredentialSecret, CredentialSummary};
use crate::error::CallError;
use crate::ports::{Credentials, Vault};
use crate::write::OrganizationContext;

/// A credential with its secrets, for the agent of one run.
#[derive(Clone)]
pub struct OpenedCredential {
    /// Its id.
    pub id: CredentialId,
    /// How it authenticates.
    pub auth_method: AuthMethod,
    /// What is known of it.
    pub status: CredentialStatus,
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

/// Opens credentials of runs that have begun, and of no other: no secret leaves for a run that might
/// be repeated.
#[derive(Clone)]
pub(super) struct CredentialVault {
    pub(super) credentials: Arc<dyn Credentials>,
    pub(super) vault: Arc<dyn Vault>,
}

impl CredentialVault {
    /// The credential, with the login that was saved with it where the run's task keeps logins.
    ///
    /// # Errors
    /// `Vault` where it does not open; `Store`.
    pub(super) async fn open(
        &self,
        run: &Run,
        credential: &Credential,
    ) -> Result<OpenedCredential, CallError> {
        let id = credential.id;
        let organization = OrganizationContext::of_server(run.organization_id);
        let vault = self.vault.of(run.organization_id).await?;
        let summary = match &credential.summary {
            Some(sealed) => CredentialSummary::open(&*vault, id, sealed)?,
            None => CredentialSummary::default(),
        };
        let secret = match &credential.secret {
            Some(sealed) => CredentialSecret::open(&*vault, id, sealed)?,
            None => CredentialSecret::default(),
        };
        let login = if run.settings.keep_login {
            self.credentials.login(organization, id).await?
        } else {
            None
        };
        let login = login.map(|sealed| contents::open_login(&*vault, id, &sealed));
        Ok(OpenedCredential {
            id,
            auth_method: credential.auth_method,
            status: credential.status,
            username: summary.username,
            source_fields: summary.source_fields,
            password: secret.password,
            totp_secret: secret.totp_secret,
            login: login.transpose()?,
        })
    }
}
