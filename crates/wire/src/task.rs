//! Tasks on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use windlass_domain::edit::Edit;
use windlass_domain::task::{Concurrency, StorageSettings, Task, TaskSettings};

use crate::edit::said;

/// A task to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Latest bill", "agent_id": "agt_0324ygLuwpuEqQLXlTfeFw",
    "input_schema": {"type": "object", "properties": {"month": {"type": "string"}}, "required": ["month"]},
    "output_schema": {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}}))]
pub struct NewTaskBody {
    /// 1 to 255 characters.
    pub name: String,
    /// The agent that groups it.
    pub agent_id: String,
    /// An id of your choice: `task_` and 1 to 250 letters, digits, `_` or `-`.
    pub id: Option<String>,
    /// What a model is told to do; at most 32 KiB.
    pub prompt: Option<String>,
    /// What a run's input must match: JSON Schema 2020-12. Left out, any JSON will do.
    pub input_schema: Option<Value>,
    /// What a run's output must match: JSON Schema 2020-12. Left out, any JSON will do.
    pub output_schema: Option<Value>,
    /// What becomes of files.
    pub storage: Option<NewTaskStorageBody>,
    /// The older name of `storage.extraction`.
    pub extraction: Option<bool>,
    /// How its runs are done.
    pub settings: Option<NewTaskSettingsBody>,
}

/// What changes of a task; what is left out stays. Runs that were started keep what they have.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"settings": {"timeout_seconds": 600}}))]
pub struct TaskChangeBody {
    /// 1 to 255 characters.
    pub name: Option<String>,
    /// What a model is told to do; at most 32 KiB; null clears it.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub prompt: Edit<String>,
    /// What a run's input must match: JSON Schema 2020-12; null takes any JSON.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<Value>)]
    pub input_schema: Edit<Value>,
    /// What a run's output must match: JSON Schema 2020-12; null gives any JSON.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<Value>)]
    pub output_schema: Edit<Value>,
    /// What becomes of files, in place of all that was set of it; null clears it.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<NewTaskStorageBody>)]
    pub storage: Edit<NewTaskStorageBody>,
    /// The older name of `storage.extraction`.
    pub extraction: Option<bool>,
    /// How its runs are done, field by field: what is left out or null stays.
    pub settings: Option<NewTaskSettingsBody>,
}

/// What becomes of the files that a run captures.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTaskStorageBody {
    /// Whether files are kept at all.
    pub enabled: bool,
    /// Whether data is taken out of them.
    pub extraction: Option<bool>,
    /// What that data must match: JSON Schema 2020-12.
    pub extraction_schema: Option<Value>,
    /// What a model is told to take out.
    pub extraction_prompt: Option<String>,
    /// Whether a file that was captured before is dropped.
    pub deduplication: Option<bool>,
    /// Which fields make two files the same: JSON Schema 2020-12.
    pub deduplication_schema: Option<Value>,
}

/// How runs of a task are done. What is left out has its default.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTaskSettingsBody {
    /// How long a run may stay without activity while it is running; 1800 where left out.
    pub inactivity_timeout_seconds: Option<u64>,
    /// How long a run may be running in all; no limit where left out.
    pub timeout_seconds: Option<u64>,
    /// How long a person has to answer; 900 where left out.
    pub interaction_timeout_seconds: Option<u64>,
    /// How long a run may wait for a worker; 1800 where left out.
    pub queue_timeout_seconds: Option<u64>,
    /// How long a review may take; no limit where left out.
    pub review_timeout_seconds: Option<u64>,
    /// Whether the output waits for a review; `none` where left out.
    pub review: Option<ReviewName>,
    /// Where runs wait for a worker: 1 to 64 of a–z, 0–9, `_` and `-`.
    pub pool: Option<String>,
    /// How often a run may be begun; 1 where left out.
    pub max_attempts: Option<u64>,
    /// 0 to 9; higher goes first; 5 where left out.
    pub priority: Option<u64>,
    /// How many runs may be live at once.
    pub concurrency: Option<NewConcurrencyBody>,
    /// Whether the login state is kept for the credential's next session.
    pub keep_login: Option<bool>,
    /// How long a session stays after a run; 600 where left out.
    pub session_idle_seconds: Option<u64>,
    /// Whether a run needs a source; `required` where left out.
    pub source: Option<SourceRequirementName>,
    /// What plays a playbook; `auto` where left out.
    pub engine: Option<EngineName>,
}

/// How many runs may be live at once, counted over all tasks that set it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConcurrencyBody {
    /// For one credential.
    pub per_credential: Option<u64>,
    /// For one source.
    pub per_source: Option<u64>,
}

/// Whether the output of a run waits for a person's review.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewName {
    /// It is final at once.
    None,
    /// It waits.
    Required,
}

impl ReviewName {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Required => "required",
        }
    }
}

/// Whether a task's runs need a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceRequirementName {
    /// A start without one is refused.
    Required,
    /// A run may have none.
    None,
}

impl SourceRequirementName {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::None => "none",
        }
    }
}

/// What plays a playbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngineName {
    /// HTTP where every step can be done there, else a browser.
    Auto,
    /// Without a browser.
    Http,
    /// In a browser.
    Browser,
}

impl EngineName {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Http => "http",
            Self::Browser => "browser",
        }
    }
}

/// What to do on a source.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "task_0324ygQdO37zLKt2nQcsFk", "object": "task", "name": "Latest bill",
    "prompt": "Find the bill of the given month.", "status": "learning", "agent_id": "agt_0324ygLuwpuEqQLXlTfeFw",
    "input_schema": {"type": "object", "properties": {"month": {"type": "string"}}, "required": ["month"]},
    "output_schema": {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]},
    "storage": {"enabled": true, "extraction": false, "extraction_schema": null, "extraction_prompt": null,
        "deduplication": false, "deduplication_schema": null},
    "extraction": false,
    "settings": {"inactivity_timeout_seconds": 1800, "timeout_seconds": null, "interaction_timeout_seconds": 900,
        "queue_timeout_seconds": 1800, "review_timeout_seconds": null, "review": "none", "pool": null,
        "max_attempts": 1, "priority": 5, "concurrency": null, "keep_login": false, "session_idle_seconds": 600,
        "source": "required", "engine": "auto"},
    "created_at": "2026-01-05T10:00:05.000Z", "updated_at": "2026-01-05T10:00:05.000Z"}))]
pub struct TaskBody {
    /// Its id.
    pub id: String,
    /// `task`.
    pub object: &'static str,
    /// 1 to 255 characters.
    pub name: String,
    /// What a model is told to do.
    #[schema(required)]
    pub prompt: Option<String>,
    /// `learning`, `test` or `live`.
    pub status: &'static str,
    /// The agent that groups it.
    pub agent_id: String,
    /// What a run's input must match; null takes any JSON.
    #[schema(required)]
    pub input_schema: Option<Value>,
    /// What a run's output must match; null gives any JSON.
    #[schema(required)]
    pub output_schema: Option<Value>,
    /// What becomes of files.
    #[schema(required)]
    pub storage: Option<TaskStorageBody>,
    /// The older name of `storage.extraction`.
    pub extraction: bool,
    /// How its runs are done.
    pub settings: TaskSettingsBody,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// The request that this answers; items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// What becomes of the files that a run captures.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskStorageBody {
    /// Whether files are kept at all.
    pub enabled: bool,
    /// Whether data is taken out of them.
    pub extraction: bool,
    /// What that data must match.
    #[schema(required)]
    pub extraction_schema: Option<Value>,
    /// What a model is told to take out.
    #[schema(required)]
    pub extraction_prompt: Option<String>,
    /// Whether a file that was captured before is dropped.
    pub deduplication: bool,
    /// Which fields make two files the same.
    #[schema(required)]
    pub deduplication_schema: Option<Value>,
}

/// How runs of a task are done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TaskSettingsBody {
    /// How long a run may stay without activity while it is running.
    pub inactivity_timeout_seconds: u64,
    /// How long a run may be running in all; null has no limit.
    #[schema(required)]
    pub timeout_seconds: Option<u64>,
    /// How long a person has to answer.
    pub interaction_timeout_seconds: u64,
    /// How long a run may wait for a worker.
    pub queue_timeout_seconds: u64,
    /// How long a review may take; null has no limit.
    #[schema(required)]
    pub review_timeout_seconds: Option<u64>,
    /// `none` or `required`.
    pub review: &'static str,
    /// Where runs wait for a worker; null lets each start decide.
    #[schema(required)]
    pub pool: Option<String>,
    /// How often a run may be begun.
    pub max_attempts: u32,
    /// 0 to 9; higher goes first.
    pub priority: u8,
    /// How many runs may be live at once; null has no limit.
    #[schema(required)]
    pub concurrency: Option<ConcurrencyBody>,
    /// Whether the login state is kept for the credential's next session.
    pub keep_login: bool,
    /// How long a session stays after a run.
    pub session_idle_seconds: u64,
    /// `required` or `none`.
    pub source: &'static str,
    /// `auto`, `http` or `browser`.
    pub engine: &'static str,
}

/// How many runs may be live at once.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ConcurrencyBody {
    /// For one credential.
    #[schema(required)]
    pub per_credential: Option<u32>,
    /// For one source.
    #[schema(required)]
    pub per_source: Option<u32>,
}

impl From<&Task> for TaskBody {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id.to_string(),
            object: "task",
            name: task.name.clone(),
            prompt: task.prompt.clone(),
            status: task.status.as_str(),
            agent_id: task.agent_id.to_string(),
            input_schema: task.input_schema.clone(),
            output_schema: task.output_schema.clone(),
            storage: task.storage.as_ref().map(TaskStorageBody::from),
            extraction: task
                .storage
                .as_ref()
                .is_some_and(|storage| storage.extraction),
            settings: TaskSettingsBody::from(&task.settings),
            created_at: task.created_at.to_string(),
            updated_at: task.updated_at.to_string(),
            request_id: None,
        }
    }
}

impl From<&StorageSettings> for TaskStorageBody {
    fn from(storage: &StorageSettings) -> Self {
        Self {
            enabled: storage.enabled,
            extraction: storage.extraction,
            extraction_schema: storage.extraction_schema.clone(),
            extraction_prompt: storage.extraction_prompt.clone(),
            deduplication: storage.deduplication,
            deduplication_schema: storage.deduplication_schema.clone(),
        }
    }
}

impl From<&TaskSettings> for TaskSettingsBody {
    fn from(settings: &TaskSettings) -> Self {
        Self {
            inactivity_timeout_seconds: settings.inactivity_timeout.as_secs(),
            timeout_seconds: settings.timeout.map(|length| length.as_secs()),
            interaction_timeout_seconds: settings.interaction_timeout.as_secs(),
            queue_timeout_seconds: settings.queue_timeout.as_secs(),
            review_timeout_seconds: settings.review_timeout.map(|length| length.as_secs()),
            review: settings.review.as_str(),
            pool: settings.pool.as_ref().map(ToString::to_string),
            max_attempts: settings.max_attempts,
            priority: settings.priority.level(),
            concurrency: settings.concurrency.map(ConcurrencyBody::from),
            keep_login: settings.keep_login,
            session_idle_seconds: settings.session_idle.as_secs(),
            source: settings.source.as_str(),
            engine: settings.engine.as_str(),
        }
    }
}

impl From<Concurrency> for ConcurrencyBody {
    fn from(concurrency: Concurrency) -> Self {
        Self {
            per_credential: concurrency.per_credential,
            per_source: concurrency.per_source,
        }
    }
}
