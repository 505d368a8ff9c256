//! Agents on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use windlass_domain::agent::AgentWithTasks;
use windlass_domain::edit::Edit;
use windlass_domain::task::TaskSummary;

use crate::edit::said;

/// An agent to be made.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Utility bills"}))]
pub struct NewAgentBody {
    /// 1 to 255 characters.
    pub name: String,
    /// What you want to say of it.
    pub description: Option<String>,
    /// An id of your choice: `agt_` and 1 to 250 letters, digits, `_` or `-`.
    pub id: Option<String>,
}

/// What changes of an agent; what is left out stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"description": "Bills of three suppliers"}))]
pub struct AgentChangeBody {
    /// 1 to 255 characters.
    pub name: Option<String>,
    /// What you want to say of it; null clears it.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<String>)]
    pub description: Edit<String>,
}

/// A group of tasks.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!({"id": "agt_0324ygLuwpuEqQLXlTfeFw", "object": "agent", "name": "Utility bills",
    "description": "Bills of three suppliers",
    "tasks": [{"id": "task_0324ygQdO37zLKt2nQcsFk", "object": "task", "name": "Latest bill", "status": "learning"}],
    "created_at": "2026-01-05T10:00:01.000Z", "updated_at": "2026-01-05T10:01:10.000Z"}))]
pub struct AgentBody {
    /// Its id.
    pub id: String,
    /// `agent`.
    pub object: &'static str,
    /// 1 to 255 characters.
    pub name: String,
    /// What its owner says of it.
    #[schema(required)]
    pub description: Option<String>,
    /// Its tasks, oldest first.
    pub tasks: Vec<AgentTaskBody>,
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

/// A task as its agent shows it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AgentTaskBody {
    /// Its id.
    pub id: String,
    /// `task`.
    pub object: &'static str,
    /// Its name.
    pub name: String,
    /// `learning`, `test` or `live`.
    pub status: &'static str,
}

impl From<&AgentWithTasks> for AgentBody {
    fn from(AgentWithTasks { agent, tasks }: &AgentWithTasks) -> Self {
        Self {
            id: agent.id.to_string(),
            object: "agent",
            name: agent.name.clone(),
            description: agent.description.clone(),
            tasks: tasks.iter().map(AgentTaskBody::from).collect(),
            created_at: agent.created_at.to_string(),
            updated_at: agent.updated_at.to_string(),
            request_id: None,
        }
    }
}

impl From<&TaskSummary> for AgentTaskBody {
    fn from(task: &TaskSummary) -> Self {
        Self {
            id: task.id.to_string(),
            object: "task",
            name: task.name.clone(),
            status: task.status.as_str(),
        }
    }
}
