//! Makes a task.

use std::sync::Arc;

use serde_json::Value;
use windlass_domain::id::{AgentId, TaskId};
use windlass_domain::task::{MAX_PROMPT_BYTES, StorageSettings, Task, TaskSettings, TaskStatus};

use crate::error::CallError;
use crate::field;
use crate::ports::{Agents, Clock, Tasks};
use crate::problem::{Problem, ProblemKind, Resource, with_form};
use crate::random::random;
use crate::schema::schema_problems;
use crate::task_settings::{self, NewTaskSettings};
use crate::write::{Write, Written};

/// A task as its caller gives it.
#[derive(Debug, Clone, Default)]
pub struct NewTask {
    /// An id of the caller's choice.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// The agent that groups it.
    pub agent_id: String,
    /// What a model is told to do.
    pub prompt: Option<String>,
    /// What a run's input must match.
    pub input_schema: Option<Value>,
    /// What a run's output must match.
    pub output_schema: Option<Value>,
    /// What becomes of files.
    pub storage: Option<StorageSettings>,
    /// Clocks, review, pool, attempts.
    pub settings: NewTaskSettings,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Makes a task.
pub struct CreateTask {
    pub(crate) tasks: Arc<dyn Tasks>,
    pub(crate) agents: Arc<dyn Agents>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl CreateTask {
    /// Checks and keeps a new task as its version 1.
    ///
    /// # Errors
    /// All that is wrong with it; `IdTaken`.
    pub async fn execute(&self, write: Write, new: NewTask) -> Result<Written<Task>, CallError> {
        let mut problems = Vec::new();
        let id = field::chosen_id(new.id.as_deref(), TaskId::parse, &mut problems);
        let name = field::name("name", &new.name, &mut problems);
        let agent_id = field::required_reference(
            "agent_id",
            &new.agent_id,
            AgentId::parse,
            Resource::Agent,
            &mut problems,
        );
        if let Some(agent_id) = &agent_id
            && self
                .agents
                .get(write.organization, agent_id)
                .await?
                .is_none()
        {
            problems.push(field::unknown("agent_id", Resource::Agent));
        }
        check_prompts(new.prompt.as_deref(), new.storage.as_ref(), &mut problems);
        let (input, output) = (new.input_schema.as_ref(), new.output_schema.as_ref());
        problems.extend(check_schemas(input, output, new.storage.as_ref()).await);
        let settings = task_settings::read(&new.settings, &mut problems);
        let problems = with_form(new.wrong, problems);
        let (Some(agent_id), true) = (agent_id, problems.is_empty()) else {
            return Err(CallError::Invalid(problems));
        };
        let now = self.clock.now();
        let task = Task {
            id: id.unwrap_or_else(|| TaskId::new(now, random())),
            version: 1,
            agent_id,
            name,
            prompt: new.prompt,
            status: TaskStatus::Learning,
            input_schema: new.input_schema,
            output_schema: new.output_schema,
            storage: new.storage,
            settings: settings.over(&TaskSettings::default()),
            created_at: now,
            updated_at: now,
        };
        self.tasks
            .create(write, task)
            .await
            .map_err(|error| CallError::of_write(error, Resource::Task))
    }
}

/// Checks off the threads that serve others: the patterns of one schema take up to seconds to compile.
pub(crate) async fn check_schemas(
    input: Option<&Value>,
    output: Option<&Value>,
    storage: Option<&StorageSettings>,
) -> Vec<Problem> {
    let schemas = [
        ("input_schema", input),
        ("output_schema", output),
        (
            "storage.extraction_schema",
            storage.and_then(|storage| storage.extraction_schema.as_ref()),
        ),
        (
            "storage.deduplication_schema",
            storage.and_then(|storage| storage.deduplication_schema.as_ref()),
        ),
    ];
    let schemas: Vec<(&str, Value)> = schemas
        .into_iter()
        .filter_map(|(field, schema)| Some((field, schema?.clone())))
        .collect();
    if schemas.is_empty() {
        return Vec::new();
    }
    let checked = tokio::task::spawn_blocking(move || {
        let problems = schemas
            .iter()
            .map(|(field, schema)| schema_problems(field, schema));
        problems.flatten().collect()
    });
    checked.await.unwrap_or_else(|error| {
        // A check is never canceled, so that it can only have panicked: the caller's panic as before.
        std::panic::resume_unwind(error.into_panic())
    })
}

/// The prompts of a task and of its storage.
pub(crate) fn check_prompts(
    prompt: Option<&str>,
    storage: Option<&StorageSettings>,
    problems: &mut Vec<Problem>,
) {
    check_prompt("prompt", prompt, problems);
    let prompt = storage.and_then(|storage| storage.extraction_prompt.as_deref());
    check_prompt("storage.extraction_prompt", prompt, problems);
}

fn check_prompt(field: &str, prompt: Option<&str>, problems: &mut Vec<Problem>) {
    let bytes = prompt.map_or(0, str::len);
    if bytes > MAX_PROMPT_BYTES {
        problems.push(Problem::of(
            ProblemKind::Invalid,
            field,
            format!("`{field}` must have {MAX_PROMPT_BYTES} bytes at most; it has {bytes}."),
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn while_schemas_are_checked_others_are_served() {
        let patterns = vec![json!({"pattern": "\\w{99}"}); 100];
        let schema = json!({"allOf": patterns});

        tokio::select! {
            biased;
            _ = check_schemas(Some(&schema), None, None) => panic!("the thread was held until the check was over"),
            () = std::future::ready(()) => {}
        }
    }
}
