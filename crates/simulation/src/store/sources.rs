//! Sources, kept.

use async_trait::async_trait;
use windlass_application::ports::sources::SourceFilter;
use windlass_application::ports::{Sources, StoreError, WriteError};
use windlass_application::{OrganizationContext, Outcome, Page, PageRequest, Write, Written};
use windlass_domain::credential::CredentialStatus;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::id::SourceId;
use windlass_domain::source::{Source, SourceEdit};

use super::MemoryStore;
use super::page;
use super::playbooks::drop_of_source;
use super::write::{Change, refuse_in_use};

#[async_trait]
impl Sources for MemoryStore {
    async fn create(&self, write: Write, source: Source) -> Result<Written<Source>, WriteError> {
        let act = |change: Change<'_>| {
            let id = (change.organization_id, source.id.clone());
            if change.state.sources.contains_key(&id) {
                return Err(WriteError::IdTaken);
            }
            change.state.sources.insert(id, source.clone());
            let event = EventData::Source(source.clone());
            change.emit(EventType::SourceCreated, source.created_at, event);
            Ok(source)
        };
        self.write("Sources::create", write, act, |source| {
            Outcome::Source(source)
        })
        .await
    }

    async fn get(
        &self,
        organization: OrganizationContext,
        id: &SourceId,
    ) -> Result<Option<Source>, StoreError> {
        let key = (organization.organization_id(), id.clone());
        self.read("Sources::get", |state| state.sources.get(&key).cloned())
            .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: SourceFilter,
        page: PageRequest,
    ) -> Result<Page<Source>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Sources::list", |state| {
            let sources = state.sources.iter();
            let wanted = sources.filter(|((owner, _), source)| {
                *owner == organization_id && (filter.name.is_none() || filter.name == source.name)
            });
            let wanted = wanted.map(|(_, source)| source.clone());
            let key = |source: &Source| (source.created_at, source.id.to_string());
            page::newest_first(wanted, key, filter.created, &page)
        })
        .await
    }

    async fn update(
        &self,
        write: Write,
        id: &SourceId,
        edit: SourceEdit,
    ) -> Result<Written<Source>, WriteError> {
        let act = |change: Change<'_>| {
            let key = (change.organization_id, id.clone());
            let source = change.state.sources.get_mut(&key);
            let source = source.ok_or(WriteError::NotFound)?;
            let Some(edited) = source.edited(&edit, change.at) else {
                return Ok(source.clone());
            };
            source.clone_from(&edited);
            let event = EventData::Source(edited.clone());
            change.emit(EventType::SourceUpdated, edited.updated_at, event);
            Ok(edited)
        };
        self.write("Sources::update", write, act, |source| {
            Outcome::Source(source)
        })
        .await
    }

    async fn delete(&self, write: Write, id: &SourceId) -> Result<Written<()>, WriteError> {
        let act = |mut change: Change<'_>| {
            let owner = change.organization_id;
            let key = (owner, id.clone());
            let source = change.state.sources.get(&key).ok_or(WriteError::NotFound)?;
            let source = source.clone();
            let credentials = change.state.credentials.values().filter(|(of, it)| {
                *of == owner && it.source_id == *id && it.status != CredentialStatus::Deleted
            });
            let of_source = |source_id: &Option<SourceId>| source_id.as_ref() == Some(id);
            let runs = change.state.unfinished_runs(owner);
            let runs = runs.filter(|run| of_source(&run.source_id));
            refuse_in_use(&[
                (credentials.count(), "credential"),
                (runs.count(), "task run"),
            ])?;
            change.state.sources.remove(&key);
            drop_of_source(&mut change, id);
            let at = change.at.following(source.updated_at);
            change.emit(EventType::SourceDeleted, at, EventData::Source(source));
            Ok(())
        };
        self.write("Sources::delete", write, act, |()| Outcome::Deleted)
            .await
    }
}
