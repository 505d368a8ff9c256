//! Changes a task, which makes its next version.

use std::sync::Arc;

use serde_json::Value;
use windlass_domain::edit::Edit;
use windlass_domain::id::TaskId;
use windlass_domain::task::{StorageSettings, Task, TaskEdit};

use crate::create_task::{check_prompts, check_schemas};
use crate::error::CallError;
use crate::field;
use crate::ports::Tasks;
use crate::problem::{Problem, Resource, with_form};
use crate::task_settings::{self, NewTaskSettings};
use crate::write::{Write, Written};

/// What a caller changes of a task, as given.
#[derive(Debug, Clone, Default)]
pub struct TaskChange {
    /// Its name, where that changes.
    pub name: Option<String>,
    /// What a model is told to do.
    pub prompt: Edit<String>,
    /// What a run's input must match.
    pub input_schema: Edit<Value>,
    /// What a run's output must match.
    pub output_schema: Edit<Value>,
    /// What becomes of files, as a whole.
    pub storage: Edit<StorageSettings>,
    /// Whether data is taken out of files, by its older name.
    pub extraction: Option<bool>,
    /// Clocks, review, pool, attempts: field by field.
    pub settings: NewTaskSettings,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Changes a task.
pub struct UpdateTask {
    pub(crate) tasks: Arc<dyn Tasks>,
}

impl UpdateTask {
    /// Checks a change and keeps it as the task's next version.
    ///
    /// # Errors
    /// All that is wrong with it; `NotFound`.
    pub async fn execute(
        &self,
        write: Write,
        id: &TaskId,
        change: TaskChange,
    ) -> Result<Written<Task>, CallError> {
        let mut problems = Vec::new();
        let name = change.name.as_deref();
        let name = name.map(|name| field::name("name", name, &mut problems));
        let (prompt, storage) = (change.prompt.value(), change.storage.value());
        check_prompts(prompt.map(String::as_str), storage, &mut problems);
        let (input, output) = (change.input_schema.value(), change.output_schema.value());
        problems.extend(check_schemas(input, output, storage).await);
        let settings = task_settings::read(&change.settings, &mut problems);
        let problems = with_form(change.wrong, problems);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let edit = TaskEdit {
            name,
            prompt: change.prompt,
            input_schema: change.input_schema,
            output_schema: change.output_schema,
            storage: change.storage,
            extraction: change.extraction,
            settings,
        };
        let written = self.tasks.update(write, id, edit).await;
        written.map_err(|error| CallError::of_write(error, Resource::Task))
    }
}
