//! Credentials, kept with sealed contents.

use async_trait::async_trait;
use windlass_application::ports::credentials::{CredentialFilter, CredentialView, Show};
use windlass_application::ports::{Credentials, StoreError, WriteError};
use windlass_application::problem::Resource;
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::credential::{Credential, CredentialEdit, CredentialStatus};
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::{CredentialId, OrganizationId};
use windlass_domain::sealed::Sealed;

use super::page;
use super::write::Change;
use super::{MemoryStore, State};

#[async_trait]
impl Credentials for MemoryStore {
    async fn create(
        &self,
        write: Write,
        view: CredentialView,
    ) -> Result<Written<CredentialView>, WriteError> {
        let act = |change: Change<'_>| {
            let owner = change.organization_id;
            let credential = view.credential.clone();
            let source = (owner, credential.source_id.clone());
            if !change.state.sources.contains_key(&source) {
                let what = Resource::Source;
                return Err(WriteError::ReferenceGone { what });
            }
            if change.state.credentials.contains_key(&credential.id) {
                return Err(WriteError::IdTaken);
            }
            let kept = (owner, credential.clone());
            change.state.credentials.insert(credential.id, kept);
            let at = credential.created_at;
            let event = EventData::Credential(without_contents(credential));
            change.emit(EventType::CredentialCreated, at, event);
            Ok(view)
        };
        self.write("Credentials::create", write, act, |view| {
            Outcome::Credential(view)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: CredentialId,
    ) -> Result<Option<Credential>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Credentials::get", |state| {
            state.credential(organization_id, id).cloned()
        })
        .await
    }

    async fn login(
        &self,
        organization: OrganizationContext,
        id: CredentialId,
    ) -> Result<Option<Sealed>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Credentials::login", |state| {
            state.credential(organization_id, id)?;
            state.logins.get(&id).cloned()
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: CredentialFilter,
        page: PageRequest,
    ) -> Result<Page<Credential>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Credentials::list", |state| {
            let own = state.credentials.values();
            let own = own.filter(|(owner, _)| *owner == organization_id);
            let wanted = own.map(|(_, it)| it).filter(|it| {
                (filter.source_ids.is_empty() || filter.source_ids.contains(&it.source_id))
                    && (filter.statuses.is_empty() || filter.statuses.contains(&it.status))
                    && (filter.external_id.is_none() || filter.external_id == it.external_id)
            });
            let key = |it: &Credential| (it.id.created_at(), it.id.to_string());
            page::newest_first(wanted.cloned(), key, filter.created, &page)
        })
        .await
    }

    async fn update(
        &self,
        write: Write,
        id: CredentialId,
        edit: CredentialEdit,
        show: Show,
    ) -> Result<Written<CredentialView>, WriteError> {
        let act = |change: Change<'_>| {
            let owner = change.organization_id;
            let before = change.state.credential(owner, id);
            let before = before.ok_or(WriteError::NotFound)?.clone();
            if before.status == CredentialStatus::Deleted {
                return Err(WriteError::CredentialDeleted);
            }
            let Some(edited) = before.edited(&edit, change.at) else {
                return Ok(show(before)?);
            };
            let view = show(edited.clone())?;
            let kept = (owner, edited.clone());
            change.state.credentials.insert(id, kept);
            if edit.contents.is_some() {
                change.state.logins.remove(&id);
                let at = edited.updated_at;
                let event = EventData::Credential(without_contents(edited));
                change.emit(EventType::CredentialUnverified, at, event);
            }
            Ok(view)
        };
        self.write("Credentials::update", write, act, |view| {
            Outcome::Credential(view)
        })
        .await
    }

    async fn delete(&self, write: Write, id: CredentialId) -> Result<Written<()>, WriteError> {
        let act = |change: Change<'_>| {
            let owner = change.organization_id;
            let kept = change.state.credentials.get_mut(&id);
            let (_, credential) = kept
                .filter(|(of, _)| *of == owner)
                .ok_or(WriteError::NotFound)?;
            if credential.status == CredentialStatus::Deleted {
                return Ok(());
            }
            let at = change.at.following(credential.updated_at);
            credential.status = CredentialStatus::Deleted;
            credential.summary = None;
            credential.secret = None;
            credential.updated_at = at;
            change.state.logins.remove(&id);
            let event = EventData::Credential(credential.clone());
            change.emit(EventType::CredentialDeleted, at, event);
            Ok(())
        };
        self.write("Credentials::delete", write, act, |()| Outcome::Deleted)
            .await
    }
}

impl State {
    pub(super) fn credential(
        &self,
        organization_id: OrganizationId,
        id: CredentialId,
    ) -> Option<&Credential> {
        let kept = self.credentials.get(&id);
        kept.filter(|(owner, _)| *owner == organization_id)
            .map(|(_, credential)| credential)
    }
}

/// A credential as its events tell of it.
pub(super) fn without_contents(mut credential: Credential) -> Credential {
    credential.summary = None;
    credential.secret = None;
    credential
}
