//! Writes the next version of a task's playbook for a source.

use std::sync::Arc;

use serde_json::Value;
use windlass_domain::id::{SourceId, TaskId};
use windlass_domain::playbook::Playbook;

use crate::error::CallError;
use crate::ports::{PlaybookRules, Playbooks, Sources, Tasks};
use crate::problem::Resource;
use crate::write::{Write, Written};

/// Writes the next version of a task's playbook for a source.
pub struct PutPlaybook {
    pub(crate) playbooks: Arc<dyn Playbooks>,
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) sources: Arc<dyn Sources>,
    pub(crate) rules: Arc<dyn PlaybookRules>,
}

impl PutPlaybook {
    /// Checks the document and keeps it.
    ///
    /// # Errors
    /// `NotFound` of the task or the source; all that is wrong with the document.
    pub async fn execute(
        &self,
        write: Write,
        task_id: &TaskId,
        source_id: &SourceId,
        document: Value,
    ) -> Result<Written<Playbook>, CallError> {
        if self.tasks.get(write.organization, task_id).await?.is_none() {
            return Err(CallError::NotFound(Resource::Task));
        }
        if self
            .sources
            .get(write.organization, source_id)
            .await?
            .is_none()
        {
            return Err(CallError::NotFound(Resource::Source));
        }
        self.rules.check(&document).map_err(CallError::Invalid)?;
        self.playbooks
            .put(write, task_id, source_id, document)
            .await
            .map_err(|error| CallError::of_write(error, Resource::Task))
    }
}
