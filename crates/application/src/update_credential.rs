//! Changes a credential.

use std::sync::Arc;

use windlass_domain::credential::{CredentialEdit, MAX_EXTERNAL_ID_CHARACTERS};
use windlass_domain::edit::Edit;
use windlass_domain::id::CredentialId;

use crate::create_credential::NewContents;
use crate::error::CallError;
use crate::field;
use crate::ports::credentials::{CredentialView, Show};
use crate::ports::vault::VaultError;
use crate::ports::{Credentials, OrganizationVault, StoreError, Vault};
use crate::problem::{Problem, Resource, with_form};
use crate::read_credentials::view;
use crate::write::{Write, Written};

/// What a caller changes of a credential, as given.
#[derive(Clone, Default)]
pub struct CredentialChange {
    /// What it authenticates with from now on, as a whole.
    pub contents: Option<NewContents>,
    /// The caller's own name for the person.
    pub external_id: Edit<String>,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Changes a credential. New contents are sealed.
pub struct UpdateCredential {
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) vault: Arc<dyn Vault>,
}

impl UpdateCredential {
    /// Checks a change and keeps it.
    ///
    /// # Errors
    /// All that is wrong with it; `NotFound`; `CredentialDeleted`.
    pub async fn execute(
        &self,
        write: Write,
        id: CredentialId,
        change: CredentialChange,
    ) -> Result<Written<CredentialView>, CallError> {
        let known = self.credentials.get(write.organization, id).await?;
        // It never changes, so that what is true of it now is true in the store's transaction.
        let method = known
            .ok_or(CallError::NotFound(Resource::Credential))?
            .auth_method;
        let mut problems = Vec::new();
        if let Some(contents) = &change.contents {
            contents.check(method, &mut problems);
        }
        let external_id = field::edited(change.external_id, |text| {
            let most = MAX_EXTERNAL_ID_CHARACTERS;
            field::bounded("external_id", Some(text), most, &mut problems)
        });
        let problems = with_form(change.wrong, problems);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let vault = self.vault.of(write.organization.organization_id()).await?;
        let contents = change.contents;
        let edit = CredentialEdit {
            external_id,
            contents: contents.map(|contents| contents.seal(&*vault, method, id)),
        };
        let written = self.credentials.update(write, id, edit, show(vault)).await;
        written.map_err(|error| CallError::of_write(error, Resource::Credential))
    }
}

fn show(vault: Arc<dyn OrganizationVault>) -> Show {
    Arc::new(move |credential| {
        let row = credential.id.to_string();
        view(&*vault, credential).map_err(|error| match error {
            VaultError::Keys(error) => error,
            VaultError::DoesNotOpen { .. } => StoreError::Corrupt {
                table: "credential",
                row,
                rule: error.to_string(),
            },
        })
    })
}
