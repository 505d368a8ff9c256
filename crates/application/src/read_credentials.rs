//! Reads credentials as their caller may see them.

use std::sync::Arc;

use windlass_domain::credential::Credential;
use windlass_domain::id::CredentialId;

use crate::contents::CredentialSummary;
use crate::error::CallError;
use crate::page::{Page, PageRequest};
use crate::ports::credentials::{CredentialFilter, CredentialView};
use crate::ports::vault::VaultError;
use crate::ports::{Credentials, OrganizationVault, Vault};
use crate::problem::Resource;
use crate::write::OrganizationContext;

/// Reads credentials: their summaries are opened, their secrets stay sealed.
pub struct ReadCredentials {
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) vault: Arc<dyn Vault>,
}

impl ReadCredentials {
    /// One credential, also where it is deleted.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(
        &self,
        organization: OrganizationContext,
        id: CredentialId,
    ) -> Result<CredentialView, CallError> {
        let credential = self.credentials.get(organization, id).await?;
        let credential = credential.ok_or(CallError::NotFound(Resource::Credential))?;
        let vault = self.vault.of(organization.organization_id()).await?;
        Ok(view(&*vault, credential)?)
    }

    /// A page of credentials.
    ///
    /// # Errors
    /// Where the store or the vault fails.
    pub async fn list(
        &self,
        organization: OrganizationContext,
        filter: CredentialFilter,
        page: PageRequest,
    ) -> Result<Page<CredentialView>, CallError> {
        let page = self.credentials.list(organization, filter, page).await?;
        let vault = self.vault.of(organization.organization_id()).await?;
        let items: Result<Vec<CredentialView>, VaultError> = page
            .items
            .into_iter()
            .map(|credential| view(&*vault, credential))
            .collect();
        Ok(Page {
            items: items?,
            has_more: page.has_more,
        })
    }
}

/// A credential as its caller may see it.
pub(crate) fn view(
    vault: &dyn OrganizationVault,
    credential: Credential,
) -> Result<CredentialView, VaultError> {
    let summary = match &credential.summary {
        Some(sealed) => CredentialSummary::open(vault, credential.id, sealed)?,
        None => CredentialSummary::default(),
    };
    Ok(CredentialView {
        credential,
        username: summary.username,
        source_fields: summary.source_fields,
    })
}
