//! Playbooks on the wire.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};
use windlass_domain::playbook::Playbook;

/// A recorded way through a source: the user flow of Chrome's Recorder.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct PlaybookDocument(pub Value);

// By hand, since the derived one of a single value takes no example.
impl PartialSchema for PlaybookDocument {
    fn schema() -> RefOr<Schema> {
        let steps = json!([{"type": "navigate", "url": "{{source.url}}"}]);
        let schema = ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some(
                "A recorded way through a source: the user flow of Chrome's Recorder. Its own JSON \
                 Schema is at `/playbook.schema.json`.",
            ))
            .examples([json!({"title": "Nordlys, latest bill", "steps": steps})]);
        schema.into()
    }
}

impl ToSchema for PlaybookDocument {}

/// The playbook of a task for a source, in its newest version.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"object": "playbook", "task_id": "task_0324ygQdO37zLKt2nQcsFk",
    "source_id": "src_0324ygNUQd6U8RxXTH1COe", "version": 1,
    "playbook": {"title": "Nordlys, latest bill", "steps": [{"type": "navigate", "url": "{{source.url}}"}]},
    "created_at": "2026-01-05T10:01:15.000Z", "updated_at": "2026-01-05T10:01:15.000Z"}))]
pub struct PlaybookBody {
    /// `playbook`.
    pub object: &'static str,
    /// The task that it does.
    pub task_id: String,
    /// The source that it leads through.
    pub source_id: String,
    /// Counts up from 1 with every write; a run keeps the version that it started with.
    pub version: u32,
    /// The user flow as it was given.
    #[schema(value_type = Object)]
    pub playbook: Value,
    /// When the first version was written.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When this version was written.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// The request that this answers; items of a list have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// A playbook that was deleted.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"object": "playbook", "task_id": "task_0324ygQdO37zLKt2nQcsFk",
    "source_id": "src_0324ygNUQd6U8RxXTH1COe", "deleted": true}))]
pub struct DeletedPlaybookBody {
    /// `playbook`.
    pub object: &'static str,
    /// The task that it did.
    pub task_id: String,
    /// The source that it led through.
    pub source_id: String,
    /// Always true.
    pub deleted: bool,
    /// The request that this answers.
    pub request_id: String,
}

impl From<&Playbook> for PlaybookBody {
    fn from(playbook: &Playbook) -> Self {
        Self {
            object: "playbook",
            task_id: playbook.task_id.to_string(),
            source_id: playbook.source_id.to_string(),
            version: playbook.version,
            playbook: playbook.document.clone(),
            created_at: playbook.created_at.to_string(),
            updated_at: playbook.updated_at.to_string(),
            request_id: None,
        }
    }
}
