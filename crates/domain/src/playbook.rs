//! Playbooks as they are kept: a recorded way through a source, per task, in versions.

use crate::id::{SourceId, TaskId};
use crate::time::Timestamp;

/// The playbook of one task for one source, in its newest version.
#[derive(Debug, Clone, PartialEq)]
pub struct Playbook {
    /// The task that it does.
    pub task_id: TaskId,
    /// The source that it leads through.
    pub source_id: SourceId,
    /// Counts up from 1 with every write; a run keeps the version that it started with.
    pub version: u32,
    /// The user flow as it was given, already checked.
    pub document: serde_json::Value,
    /// When the first version was written.
    pub created_at: Timestamp,
    /// When this version was written.
    pub updated_at: Timestamp,
}
