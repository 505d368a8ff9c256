//! Keeps a file that an agent captured.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde_json::{Map, Value};
use tracing::{info, warn};
use windlass_domain::file::{
    Extraction, MAX_EXTRACTION_BYTES, MAX_FILE_BYTES, MAX_METADATA_BYTES, StoredFile, harmless_name,
};
use windlass_domain::id::{OrganizationId, StorageId};
use windlass_domain::run::{Run, Status, WorkerCommand};
use windlass_domain::task::{StorageSettings, Task};

use super::file_fields;
use super::held_runs::{HeldRuns, LeaseCall};
use super::patience::patiently;
use crate::error::CallError;
use crate::ports::blobs::BlobId;
use crate::ports::files::Likeness;
use crate::ports::runs::Attachment;
use crate::ports::{Blobs, Clock, Files, Tasks};
use crate::problem::{Problem, ProblemKind, Resource};
use crate::random::random;
use crate::schema::Schemas;

/// The longest MIME type that is kept.
const MAX_TYPE_BYTES: usize = 255;

/// The type of a file that came without a readable one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The name of a file whose own says nothing.
const UNNAMED: &str = "file";

/// Keeps a file that an agent captured.
pub struct StoreFile {
    pub(super) held: HeldRuns,
    pub(super) tasks: Arc<dyn Tasks>,
    pub(super) files: Arc<dyn Files>,
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) schemas: Arc<Schemas>,
    pub(super) clock: Arc<dyn Clock>,
}

/// A file that an agent captured.
pub struct CapturedFile {
    /// Its name; a path before it is left out.
    pub file_name: String,
    /// Its MIME type.
    pub file_type: String,
    /// What the agent notes of it.
    pub metadata: Option<Map<String, Value>>,
    /// What the agent took out of it; left aside where the task does not ask for that.
    pub extraction: Extraction,
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

impl Kept {
    const CANCELING: Self = Self {
        storage_id: None,
        cancel: true,
    };
}

impl StoreFile {
    /// Stores the content, then the file's row with an activity of the run. The same content twice
    /// in a run is one file. Where the task keeps no files the content is dropped; that is no error,
    /// and an activity all the same. Waits for a store that cannot answer for a moment: the
    /// content comes once, so that the agent cannot repeat the call.
    ///
    /// What was taken out of it and breaks the task's schema has failed; the file is kept.
    ///
    /// # Errors
    /// `Invalid` where `metadata` or `extraction` is too long; `NotFound`; `Refused(LeaseLost)`; `Blob` where the content did not arrive, is longer than
    /// [`MAX_FILE_BYTES`] or cannot be stored. Nothing is kept then.
    pub async fn execute(&self, call: &LeaseCall, file: CapturedFile) -> Result<Kept, CallError> {
        let problems = problems(&file);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let run = patiently(&self.clock, || self.held.look(call)).await?;
        if run.status() == Status::Canceling {
            return Ok(Kept::CANCELING);
        }
        let task = patiently(&self.clock, || self.task(call, &run)).await?;
        let storage = task.storage.as_ref();
        if storage.is_some_and(|storage| !storage.enabled) {
            return patiently(&self.clock, || self.touch(call, None)).await;
        }
        let owner = call.organization.organization_id();
        let created_at = self.clock.now();
        let id = StorageId::new(created_at, random());
        let facts = self
            .blobs
            .put(owner, id.into(), file.content, MAX_FILE_BYTES)
            .await?;
        let extraction = self.checked(call, &task, file.extraction);
        let fields_sha256 = file_fields::digest(&self.schemas, owner, &task, &extraction);
        let stored = StoredFile {
            id,
            run_id: call.run_id,
            file_name: named(&file.file_name),
            file_type: typed(&file.file_type),
            file_size: facts.bytes,
            sha256: facts.sha256,
            metadata: file.metadata,
            extraction,
            fields_sha256,
            created_at,
            expired_at: None,
        };
        let like = likeness(storage, &stored);
        patiently(&self.clock, || self.keep(call, &run, like, &stored)).await
    }

    /// Keeps a file whose content is stored. Repeated where it is not known what became of the call
    /// before, it finds the row of that.
    async fn keep(
        &self,
        call: &LeaseCall,
        run: &Run,
        like: Option<Likeness>,
        stored: &StoredFile,
    ) -> Result<Kept, CallError> {
        let owner = call.organization.organization_id();
        let Some(kept) = self.files.captured_in(run, stored.sha256).await? else {
            let is_known = match like {
                Some(like) => self.files.has_captured_before(run, like).await?,
                None => false,
            };
            if is_known {
                drop_content(&*self.blobs, owner, stored.id.into()).await;
                return self.touch(call, None).await;
            }
            return self.add(call, run, stored.clone()).await;
        };
        if kept != stored.id {
            drop_content(&*self.blobs, owner, stored.id.into()).await;
        }
        self.touch(call, Some(kept)).await
    }

    async fn task(&self, call: &LeaseCall, run: &Run) -> Result<Task, CallError> {
        self.tasks
            .get_version(call.organization, &run.task_id, run.task_version)
            .await?
            .ok_or(CallError::NotFound(Resource::Task))
    }

    /// What counts of what was taken out of a file.
    fn checked(&self, call: &LeaseCall, task: &Task, given: Extraction) -> Extraction {
        let is_asked = task
            .storage
            .as_ref()
            .is_some_and(|storage| storage.extraction);
        match given {
            _ if !is_asked => Extraction::None,
            Extraction::Taken(data) => {
                let owner = call.organization.organization_id();
                let problems = self.schemas.extraction_problems(owner, task, &data);
                let Some(problem) = problems.first() else {
                    return Extraction::Taken(data);
                };
                let run_id = call.run_id;
                info!(run.id = %run_id, "what was taken out of a file of run {run_id} breaks the task's schema: {problem}");
                Extraction::Failed
            }
            Extraction::None | Extraction::Failed => given,
        }
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

    async fn add(
        &self,
        call: &LeaseCall,
        run: &Run,
        stored: StoredFile,
    ) -> Result<Kept, CallError> {
        let (owner, id) = (call.organization.organization_id(), stored.id);
        let sha256 = stored.sha256;
        let file = Attachment::File(stored);
        let said = self.held.say(call, WorkerCommand::Touch, Some(file)).await;
        match said {
            // Canceled while its content came: nothing was saved.
            Ok(run) if run.status() == Status::Canceling => {
                drop_content(&*self.blobs, owner, id.into()).await;
                Ok(Kept::CANCELING)
            }
            Ok(_) => {
                // The same content may have come by another call at the same moment.
                let kept = self.files.captured_in(run, sha256).await?.unwrap_or(id);
                if kept != id {
                    drop_content(&*self.blobs, owner, id.into()).await;
                }
                Ok(Kept {
                    storage_id: Some(kept),
                    cancel: false,
                })
            }
            // The row may be there all the same, and then needs its content.
            Err(error @ CallError::Store(_)) => Err(error),
            Err(error) => {
                drop_content(&*self.blobs, owner, id.into()).await;
                Err(error)
            }
        }
    }
}

/// What makes a file one that the task drops where an earlier run has captured it; None where it is
/// kept whatever was before. One whose fields were not found is kept: it may be new.
fn likeness(storage: Option<&StorageSettings>, file: &StoredFile) -> Option<Likeness> {
    let storage = storage.filter(|storage| storage.deduplication)?;
    match storage.deduplication_schema {
        Some(_) => file.fields_sha256.map(Likeness::Fields),
        None => Some(Likeness::Content(file.sha256)),
    }
}

fn problems(file: &CapturedFile) -> Vec<Problem> {
    let metadata = file.metadata.as_ref().map(serde_json::to_string);
    let metadata = metadata.map_or(0, |json| json.map_or(0, |json| json.len()));
    let extraction = file
        .extraction
        .data()
        .map_or(0, |data| data.to_string().len());
    let lengths = [
        ("metadata", metadata, MAX_METADATA_BYTES),
        ("extraction", extraction, MAX_EXTRACTION_BYTES),
    ];
    let long = lengths.into_iter().filter(|(_, bytes, most)| bytes > most);
    long.map(|(field, bytes, most)| {
        let message = format!("`{field}` must have {most} bytes of JSON at most; it has {bytes}.");
        Problem::of(ProblemKind::Invalid, field, message)
    })
    .collect()
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
