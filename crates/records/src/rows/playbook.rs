//! A playbook in its row, with the document of its newest version.

use std::fmt;

use windlass_domain::id::{SourceId, TaskId};
use windlass_domain::playbook::Playbook;

use super::Row;
use crate::Impossible;
use crate::columns::{At, Count};

row! {
    /// A row of `playbook`, joined with its newest version.
    #[derive(Debug)]
    pub struct PlaybookRow {
        task_id: String,
        source_id: String,
        version: Count,
        document: String,
        created_at: At,
        updated_at: At,
    }
}

impl Row for PlaybookRow {
    type Kept = Playbook;
    const TABLE: &'static str = "playbook";

    fn name(&self) -> String {
        playbook_name(&self.task_id, &self.source_id)
    }

    fn kept(self) -> Result<Playbook, Impossible> {
        Ok(Playbook {
            task_id: TaskId::parse(&self.task_id)?,
            source_id: SourceId::parse(&self.source_id)?,
            version: self.version.0,
            document: crate::read(&self.document)?,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

/// What a playbook is called in the audit and in errors.
pub fn playbook_name(task_id: &impl fmt::Display, source_id: &impl fmt::Display) -> String {
    format!("{task_id}/{source_id}")
}
