//! The rows of files that runs captured. They are written with the activity that brings them.

use async_trait::async_trait;
use windlass_application::ports::files::{FileFilter, Likeness};
use windlass_application::ports::{Files, StoreError};
use windlass_application::{OrganizationContext, Page, PageRequest};
use windlass_domain::Timestamp;
use windlass_domain::event::{EventData, EventType};
use windlass_domain::file::StoredFile;
use windlass_domain::id::{OrganizationId, StorageId};
use windlass_domain::run::Run;

use super::page;
use super::{KeptRun, MemoryStore, State};

#[async_trait]
impl Files for MemoryStore {
    async fn get(
        &self,
        organization: OrganizationContext,
        id: StorageId,
    ) -> Result<Option<StoredFile>, StoreError> {
        let found = self.find(id).await?;
        let own = found.filter(|(owner, _)| *owner == organization.organization_id());
        Ok(own.map(|(_, file)| file))
    }

    async fn find(
        &self,
        id: StorageId,
    ) -> Result<Option<(OrganizationId, StoredFile)>, StoreError> {
        self.read("Files::find", |state| state.files.get(&id).cloned())
            .await
    }

    async fn captured_in(
        &self,
        run: &Run,
        sha256: [u8; 32],
    ) -> Result<Option<StorageId>, StoreError> {
        let run_id = run.id;
        self.read("Files::captured_in", |state| {
            let mut of_run = state.files_of(run_id);
            let kept = of_run.find(|file| file.sha256 == sha256);
            kept.map(|file| file.id)
        })
        .await
    }

    async fn has_captured_before(&self, run: &Run, like: Likeness) -> Result<bool, StoreError> {
        let run = run.clone();
        self.read("Files::has_captured_before", |state| {
            state.files.values().any(|(owner, file)| {
                let earlier = state.runs.get(&file.run_id).map(KeptRun::run);
                *owner == run.organization_id
                    && match like {
                        Likeness::Content(digest) => file.sha256 == digest,
                        Likeness::Fields(digest) => file.fields_sha256 == Some(digest),
                    }
                    && file.run_id < run.id
                    && earlier.is_some_and(|earlier| {
                        earlier.task_id == run.task_id && earlier.credential_id == run.credential_id
                    })
            })
        })
        .await
    }

    async fn list(
        &self,
        organization: OrganizationContext,
        filter: FileFilter,
        page: PageRequest,
    ) -> Result<Page<StoredFile>, StoreError> {
        let organization_id = organization.organization_id();
        self.read("Files::list", |state| {
            let all = state.files.values();
            let own = all.filter(|(owner, _)| *owner == organization_id);
            let wanted = own.map(|(_, file)| file).filter(|file| {
                let Some(kept) = state.runs.get(&file.run_id) else {
                    return false;
                };
                let run = kept.run();
                filter.run_id.is_none_or(|id| id == run.id)
                    && filter.task_id.as_ref().is_none_or(|id| *id == run.task_id)
                    && (filter.source_id.is_none() || filter.source_id == run.source_id)
            });
            let key = |file: &StoredFile| (file.id.created_at(), file.id.to_string());
            page::newest_first(wanted.cloned(), key, filter.created, &page)
        })
        .await
    }
}

impl State {
    /// Keeps a file's row. A worker that sends the same file again has it kept once.
    pub(super) fn keep_file(
        &mut self,
        organization_id: OrganizationId,
        file: StoredFile,
        now: Timestamp,
    ) {
        let is_kept = self
            .files_of(file.run_id)
            .any(|kept| kept.id == file.id || kept.sha256 == file.sha256);
        if is_kept {
            return;
        }
        let at = now.max(file.created_at);
        let data = EventData::File(file.summary());
        self.files.insert(file.id, (organization_id, file));
        self.emit(organization_id, EventType::StorageCreated, (at, now), data);
    }

    /// All that happened in a run's files, for its timeline.
    pub(super) fn files_of(
        &self,
        run_id: windlass_domain::id::RunId,
    ) -> impl Iterator<Item = &StoredFile> {
        let files = self.files.values().map(|(_, file)| file);
        files.filter(move |file| file.run_id == run_id)
    }
}
