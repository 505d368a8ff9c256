//! One version of a task in its row.

use windlass_domain::id::{AgentId, TaskId};
use windlass_domain::task::{StorageSettings, Task, TaskSettings, TaskStatus};

use super::{Row, known};
use crate::columns::{At, Count};
use crate::{Impossible, StorageSettingsRecord, TaskSettingsRecord};

row! {
    /// A row of `task_version`.
    #[derive(Debug)]
    pub struct TaskRow {
        task_id: String,
        version: Count,
        agent_id: String,
        name: String,
        prompt: Option<String>,
        status: String,
        input_schema: Option<String>,
        output_schema: Option<String>,
        storage: Option<String>,
        settings: String,
        created_at: At,
        updated_at: At,
    }
}

impl Row for TaskRow {
    type Kept = Task;
    const TABLE: &'static str = "task_version";

    fn name(&self) -> String {
        format!("{} version {}", self.task_id, self.version.0)
    }

    fn kept(self) -> Result<Task, Impossible> {
        let settings: TaskSettingsRecord = crate::read(&self.settings)?;
        let storage = self
            .storage
            .as_deref()
            .map(crate::read::<StorageSettingsRecord>);
        let schema = |json: Option<&str>| json.map(crate::read).transpose();
        Ok(Task {
            id: TaskId::parse(&self.task_id)?,
            version: self.version.0,
            agent_id: AgentId::parse(&self.agent_id)?,
            name: self.name,
            prompt: self.prompt,
            status: known("status", &self.status, TaskStatus::parse)?,
            input_schema: schema(self.input_schema.as_deref())?,
            output_schema: schema(self.output_schema.as_deref())?,
            storage: storage.transpose()?.map(StorageSettings::from),
            settings: TaskSettings::try_from(settings)?,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}
