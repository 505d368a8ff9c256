//! Begins a run: from here on its source may have been touched.

use windlass_domain::credential::{Credential, CredentialStatus};
use windlass_domain::id::CredentialId;
use windlass_domain::run::WorkerCommand;

use super::held_runs::{Heard, HeldRuns, LeaseCall};
use super::open_credential::{CredentialVault, OpenedCredential};
use crate::error::CallError;

/// How often a run begins anew because its credential's secrets were replaced meanwhile. Then it has
/// them all the same: what it says of them is not taken for what it began with.
const MAX_TRIES: u32 = 3;

/// Begins a run.
pub struct BeginRun {
    pub(super) held: HeldRuns,
    pub(super) vault: CredentialVault,
}

/// A run that has begun.
#[derive(Clone)]
pub struct Begun {
    /// None where the run has no credential, or it was deleted, or the agent should stop.
    pub credential: Option<OpenedCredential>,
    /// Whether the agent should stop.
    pub cancel: bool,
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
                let credential = Some(self.vault.open(&run, &credential).await?);
                return Ok(Begun { credential, cancel });
            }
        }
    }

    async fn find(
        &self,
        call: &LeaseCall,
        id: CredentialId,
    ) -> Result<Option<Credential>, CallError> {
        let credential = self.vault.credentials.get(call.organization, id).await?;
        Ok(credential.filter(|it| it.status != CredentialStatus::Deleted))
    }
}

#[cfg(test)]
mod tests;
