//! Task runs on the wire.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use windlass_domain::Timestamp;
use windlass_domain::run::{
    Field, FieldOption, Interaction, Metadata, Outcome, Run, RunError, RunState, Status,
};

use crate::storage::{ScreenshotBody, StorageBody};

/// A run to be started. Everything may be left out where the task allows it.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"credential_id": "cred_0324ygP3uH5Kw9XTMUxbAS", "input": {"month": "2025-12"}}))]
pub struct StartRunBody {
    /// Who is to be logged in. Follows from the session where left out.
    pub credential_id: Option<String>,
    /// Where it is done. Follows from the session or the credential where left out.
    pub source_id: Option<String>,
    /// The session to go on in; a new one is opened where left out.
    pub session_id: Option<String>,
    /// What the task's input schema asks for; `{}` where left out.
    pub input: Option<Value>,
    /// Your own mark: it goes to logs and traces and changes nothing.
    pub request_id: Option<String>,
    /// Up to 50 pairs of yours: keys of at most 40 characters, values of at most 500.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// A person's answer to a run. The answers are secrets.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"input": {"code": "604218"}}))]
pub struct InteractionAnswerBody {
    /// The answers, by the names of the interaction's fields; null is no answer.
    pub input: Option<BTreeMap<String, Option<String>>>,
    /// Another name of `input`.
    pub inputs: Option<BTreeMap<String, Option<String>>>,
    /// Refuses to answer: the run fails.
    pub decline: Option<bool>,
}

/// A person's review of the output of a run that waits for it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"decision": "approve", "output": {"amount": 1249.5}}))]
pub struct ReviewBody {
    /// Whether the output counts.
    pub decision: DecisionName,
    /// The corrected output, with `approve`; as it is where left out.
    pub output: Option<Value>,
    /// Why it does not count, with `reject`: up to 4,000 characters.
    pub reason: Option<String>,
}

/// Whether an output counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionName {
    /// The run is completed with it.
    Approve,
    /// The run fails.
    Reject,
}

/// One execution of a task.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "trun_0324ygTmLd1GBzfqb28m5Y", "object": "task_run",
    "status": "interaction_required", "result": null, "task_id": "task_0324ygQdO37zLKt2nQcsFk",
    "agent_id": "agt_0324ygLuwpuEqQLXlTfeFw", "source_id": "src_0324ygNUQd6U8RxXTH1COe",
    "credential_id": "cred_0324ygP3uH5Kw9XTMUxbAS", "session_id": "sess_0324ygSCrnoc7Ek8y5PBgq",
    "workflow_id": null, "runtime_ms": 9310, "output": null, "errors": [],
    "interaction": {"id": "int_0324yga4GpN8XWy8ytAdSV", "type": "mfa", "message": "Code from the text message",
        "fields": [{"name": "code", "type": "string", "label": "Code"}], "attempt": 1,
        "created_at": "2026-01-05T10:01:52.000Z", "expires_at": "2026-01-05T10:16:52.000Z"},
    "metadata": {}, "canceled_at": null, "created_at": "2026-01-05T10:01:40.000Z",
    "updated_at": "2026-01-05T10:01:52.000Z"}))]
pub struct RunBody {
    /// Its id.
    pub id: String,
    /// `task_run`.
    pub object: &'static str,
    /// `queued`, `running`, `interaction_required`, `review_required`, `completed`, `failed`,
    /// `canceling` or `canceled`.
    pub status: &'static str,
    /// `success`, `failure` or `unknown` (canceled); null while it is live.
    #[schema(required)]
    pub result: Option<&'static str>,
    /// Its task.
    pub task_id: String,
    /// The agent of its task.
    pub agent_id: String,
    /// Where it is done.
    #[schema(required)]
    pub source_id: Option<String>,
    /// Who is logged in.
    #[schema(required)]
    pub credential_id: Option<String>,
    /// The session that it is done in.
    pub session_id: String,
    /// Always null.
    #[schema(required)]
    pub workflow_id: Option<String>,
    /// Time in `running` and `canceling`.
    pub runtime_ms: u64,
    /// What came of it: in `review_required` and `completed`, null before.
    #[schema(required)]
    pub output: Option<Value>,
    /// What went wrong, where it failed.
    pub errors: Vec<RunErrorBody>,
    /// What a person is asked for; in `interaction_required` alone.
    #[schema(required)]
    pub interaction: Option<InteractionBody>,
    /// The caller's own pairs.
    pub metadata: BTreeMap<String, String>,
    /// When it was canceled.
    #[schema(required, format = DateTime)]
    pub canceled_at: Option<String>,
    /// When it was started.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it entered its status.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// The request that this answers; items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What it was started with; only with `include=input`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The files that it captured; only with `include=storage`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<Vec<StorageBody>>,
    /// What its agent saw; only with `include=screenshots`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screenshots: Option<Vec<ScreenshotBody>>,
    /// The same under its older name; only with `include=artifacts`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<ArtifactsBody>,
}

/// What a run left behind, under its older name.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ArtifactsBody {
    /// What its agent saw.
    pub screenshots: Vec<ScreenshotBody>,
}

/// One thing that went wrong with a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunErrorBody {
    /// Whose matter it is.
    #[serde(rename = "type")]
    pub error_type: &'static str,
    /// What it is.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// JSON Pointer into the output, where a part of it is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// What a source asks a person for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InteractionBody {
    /// Its id.
    pub id: String,
    /// `mfa`, `security_question`, `account_selection` or another.
    #[serde(rename = "type")]
    pub interaction_type: String,
    /// What the person is told.
    pub message: String,
    /// What the person is asked for.
    pub fields: Vec<InteractionFieldBody>,
    /// Counts up where it is asked again.
    pub attempt: u32,
    /// When it was raised.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When the run fails unless it was answered.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

/// One thing that a person is asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InteractionFieldBody {
    /// The key of its answer.
    pub name: String,
    /// `string`, `select` or another.
    #[serde(rename = "type")]
    pub field_type: String,
    /// What the person reads.
    pub label: String,
    /// What may be chosen, where it is a choice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<InteractionOptionBody>>,
    /// Whether it must be answered; left out where it must.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

/// One choice.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InteractionOptionBody {
    /// What is answered.
    pub value: String,
    /// What the person reads.
    pub label: String,
}

/// A line of a run's timeline.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"at": "2026-01-05T10:01:44.120Z", "kind": "progress", "message": "Signed in",
    "step": 3}))]
pub struct TimelineEntryBody {
    /// When.
    #[schema(format = DateTime)]
    pub at: String,
    /// `event`, `progress`, `screenshot`, `file` or `interaction`.
    pub kind: &'static str,
    /// What happened: an event's type, a file's name, the agent's own words.
    #[schema(required)]
    pub message: Option<String>,
    /// Which step of the agent's way.
    #[schema(required)]
    pub step: Option<u32>,
}

impl RunBody {
    /// A run as it stands at the moment `now`, without anything included.
    pub fn new(run: &Run, metadata: &Metadata, output: Option<&Value>, now: Timestamp) -> Self {
        let status = run.status();
        Self {
            id: run.id.to_string(),
            object: "task_run",
            status: status.as_str(),
            result: status.result().map(Outcome::as_str),
            task_id: run.task_id.to_string(),
            agent_id: run.agent_id.to_string(),
            source_id: run.source_id.as_ref().map(ToString::to_string),
            credential_id: run.credential_id.map(|id| id.to_string()),
            session_id: run.session_id.to_string(),
            workflow_id: None,
            runtime_ms: millis(run.runtime_at(now)),
            output: output.cloned(),
            errors: errors(&run.state).iter().map(RunErrorBody::from).collect(),
            interaction: interaction(&run.state).map(InteractionBody::from),
            metadata: metadata.clone(),
            canceled_at: (status == Status::Canceled).then(|| run.updated_at.to_string()),
            created_at: run.created_at.to_string(),
            updated_at: run.updated_at.to_string(),
            request_id: None,
            input: None,
            storage: None,
            screenshots: None,
            artifacts: None,
        }
    }
}

/// Whole milliseconds.
pub(crate) fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn errors(state: &RunState) -> &[RunError] {
    match state {
        RunState::Failed { errors } => errors,
        RunState::Queued { .. }
        | RunState::Running { .. }
        | RunState::InteractionRequired { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Canceling { .. }
        | RunState::Canceled => &[],
    }
}

fn interaction(state: &RunState) -> Option<&Interaction> {
    match state {
        RunState::InteractionRequired { interaction, .. } => Some(interaction),
        RunState::Queued { .. }
        | RunState::Running { .. }
        | RunState::ReviewRequired { .. }
        | RunState::Completed
        | RunState::Failed { .. }
        | RunState::Canceling { .. }
        | RunState::Canceled => None,
    }
}

impl From<&RunError> for RunErrorBody {
    fn from(error: &RunError) -> Self {
        Self {
            error_type: error.code.error_type().as_str(),
            code: error.code.as_str(),
            message: error.message.clone(),
            field: error.field.clone(),
        }
    }
}

impl From<&Interaction> for InteractionBody {
    fn from(interaction: &Interaction) -> Self {
        Self {
            id: interaction.id.to_string(),
            interaction_type: interaction.kind.clone(),
            message: interaction.message.clone(),
            fields: interaction
                .fields
                .iter()
                .map(InteractionFieldBody::from)
                .collect(),
            attempt: interaction.attempt,
            created_at: interaction.created_at.to_string(),
            expires_at: interaction.expires_at.to_string(),
        }
    }
}

impl From<&Field> for InteractionFieldBody {
    fn from(field: &Field) -> Self {
        Self {
            name: field.name.clone(),
            field_type: field.kind.clone(),
            label: field.label.clone(),
            options: field
                .options
                .as_ref()
                .map(|options| options.iter().map(InteractionOptionBody::from).collect()),
            required: (!field.required).then_some(false),
        }
    }
}

impl From<&FieldOption> for InteractionOptionBody {
    fn from(option: &FieldOption) -> Self {
        Self {
            value: option.value.clone(),
            label: option.label.clone().unwrap_or_else(|| option.value.clone()),
        }
    }
}
