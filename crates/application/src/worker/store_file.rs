//! Keeps a file that an agent captured.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use tracing::warn;
use windlass_domain::file::{MAX_FILE_BYTES, StoredFile, harmless_name};
use windlass_domain::id::{OrganizationId, StorageId};
use windlass_domain::run::{Run, Status, WorkerCommand};

use super::held_runs::{HeldRuns, LeaseCall};
use super::patience::patiently;
use crate::error::CallError;
use crate::page::{PageRequest, Position};
use crate::ports::blobs::BlobId;
use crate::ports::files::FileFilter;
use crate::ports::runs::Attachment;
use crate::ports::{Blobs, Clock, Files, Tasks};
use crate::problem::Resource;
use crate::random::random;

/// The longest MIME type that is kept.
const MAX_TYPE_BYTES: usize = 255;

/// The type of a file that came without a readable one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The name of a file whose own says nothing.
const UNNAMED: &str = "file";

/// How many of a run's last files a new one is compared with.
const COMPARED: u32 = 100;

/// Keeps a file that an agent captured.
pub struct StoreFile {
    pub(super) held: HeldRuns,
    pub(super) tasks: Arc<dyn Tasks>,
    pub(super) files: Arc<dyn Files>,
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) clock: Arc<dyn Clock>,
}

/// A file that an agent captured.
pub struct CapturedFile {
    /// Its name; a path before it is left out.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// Its content.
    pub content: BoxStream<'static, io::Result<Bytes>>,
}

/// What became of a captured file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// What it is kept as; None where the task keeps no files, where an earlier run has captured it and
    /// the task drops such, or where the agent should stop.
    pub storage_id: Option<StorageId>,
    /// Whether the agent should stop.
    pub cancel: bool,
}

/// Which of the files that a run captures are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Nothing,
    Everything,
    /// Those whose content no earlier run of the task and the credential has captured.
    New,
}

impl Kept {
    const CANCELING: Self = Self {
        storage_id: None,
        cancel: true,
    };
}

impl StoreFile {
    /// Stores the content, then the file's row with an activity of the run. The same content twice
    /// in a run is one file. Where the task keeps no files the content is not read; that is no
    /// error, and an activity all the same. Waits for a store that cannot answer for a moment: the
    /// content comes once, so that the agent cannot repeat the call.
    ///
    /// # Errors
    /// `NotFound`; `Refused(LeaseLost)`; `Blob` where the content did not arrive, is longer than
    /// [`MAX_FILE_BYTES`] or cannot be stored. Nothing is kept then.
    pub async fn execute(&self, call: &LeaseCall, file: CapturedFile) -> Result<Kept, CallError> {
        let run = patiently(&self.clock, || self.held.look(call)).await?;
        if run.status() == Status::Canceling {
            return Ok(Kept::CANCELING);
        }
        let wanted = patiently(&self.clock, || self.wanted(call, &run)).await?;
        if wanted == Wanted::Nothing {
            return patiently(&self.clock, || self.touch(call, None)).await;
        }
        let owner = call.organization.organization_id();
        let created_at = self.clock.now();
        let id = StorageId::new(created_at, random());
        let facts = self
            .blobs
            .put(owner, id.into(), file.content, MAX_FILE_BYTES)
            .await?;
        let stored = StoredFile {
            id,
            run_id: call.run_id,
            file_name: named(&file.file_name),
            file_type: typed(&file.file_type),
            file_size: facts.bytes,
            sha256: facts.sha256,
            extraction: None,
            created_at,
            expired_at: None,
        };
        patiently(&self.clock, || self.keep(call, &run, wanted, &stored)).await
    }

    /// Keeps a file whose content is stored. Repeated where it is not known what became of the call
    /// before, it finds the row of that.
    async fn keep(
        &self,
        call: &LeaseCall,
        run: &Run,
        wanted: Wanted,
        stored: &StoredFile,
    ) -> Result<Kept, CallError> {
        let owner = call.organization.organization_id();
        let Some(kept) = self.same_content(call, stored.sha256).await? else {
            let is_known =
                wanted == Wanted::New && self.files.has_captured_before(run, stored.sha256).await?;
            if is_known {
                drop_content(&*self.blobs, owner, stored.id.into()).await;
                return self.touch(call, None).await;
            }
            return self.add(call, stored.clone()).await;
        };
        if kept != stored.id {
            drop_content(&*self.blobs, owner, stored.id.into()).await;
        }
        self.touch(call, Some(kept)).await
    }

    async fn wanted(&self, call: &LeaseCall, run: &Run) -> Result<Wanted, CallError> {
        let task = self
            .tasks
            .get_version(call.organization, &run.task_id, run.task_version)
            .await?
            .ok_or(CallError::NotFound(Resource::Task))?;
        Ok(match task.storage {
            Some(storage) if !storage.enabled => Wanted::Nothing,
            // With a schema files are compared by what is taken out of them, which agents do not do yet.
            Some(storage) if storage.deduplication && storage.deduplication_schema.is_none() => {
                Wanted::New
            }
            Some(_) | None => Wanted::Everything,
        })
    }

    async fn same_content(
        &self,
        call: &LeaseCall,
        sha256: [u8; 32],
    ) -> Result<Option<StorageId>, CallError> {
        let of_run = FileFilter {
            run_id: Some(call.run_id),
            ..FileFilter::default()
        };
        let last = PageRequest {
            limit: COMPARED,
            position: Position::Start,
        };
        let page = self.files.list(call.organization, of_run, last).await?;
        let same = page.items.iter().find(|file| file.sha256 == sha256);
        Ok(same.map(|file| file.id))
    }

    /// An activity that adds no file.
    async fn touch(
        &self,
        call: &LeaseCall,
        storage_id: Option<StorageId>,
    ) -> Result<Kept, CallError> {
        let run = self.held.say(call, WorkerCommand::Touch, None).await?;
        let cancel = run.status() == Status::Canceling;
        Ok(Kept { storage_id, cancel })
    }

    async fn add(&self, call: &LeaseCall, stored: StoredFile) -> Result<Kept, CallError> {
        let (owner, id) = (call.organization.organization_id(), stored.id);
        let file = Attachment::File(stored);
        let said = self.held.say(call, WorkerCommand::Touch, Some(file)).await;
        match said {
            // Canceled while its content came: nothing was saved.
            Ok(run) if run.status() == Status::Canceling => {
                drop_content(&*self.blobs, owner, id.into()).await;
                Ok(Kept::CANCELING)
            }
            Ok(_) => Ok(Kept {
                storage_id: Some(id),
                cancel: false,
            }),
            // The row may be there all the same, and then needs its content.
            Err(error @ CallError::Store(_)) => Err(error),
            Err(error) => {
                drop_content(&*self.blobs, owner, id.into()).await;
                Err(error)
            }
        }
    }
}

/// Drops a content that has got no row.
pub(super) async fn drop_content(blobs: &dyn Blobs, owner: OrganizationId, id: BlobId) {
    if let Err(error) = blobs.delete(owner, id).await {
        warn!("the content of {id}, which has no row, stays in the store: {error}");
    }
}

pub(super) fn named(given: &str) -> String {
    let name = harmless_name(given);
    if name.is_empty() {
        UNNAMED.to_owned()
    } else {
        name
    }
}

pub(super) fn typed(given: &str) -> String {
    let is_printable = given.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !given.is_empty() && given.len() <= MAX_TYPE_BYTES && is_printable {
        given.to_owned()
    } else {
        UNKNOWN_TYPE.to_owned()
    }
}

#[cfg(test)]
mod tests;
