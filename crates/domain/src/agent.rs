//! Agents: groups of tasks.

use crate::edit::Edit;
use crate::id::AgentId;
use crate::task::TaskSummary;
use crate::time::Timestamp;

/// A group of tasks under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id; the caller may have chosen it.
    pub id: AgentId,
    /// 1 to 255 characters.
    pub name: String,
    /// What the caller says of it.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An agent with the tasks that belong to it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentWithTasks {
    /// The agent.
    pub agent: Agent,
    /// Its tasks, oldest first.
    pub tasks: Vec<TaskSummary>,
}

/// What a caller changes of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentEdit {
    /// Its name, where that changes.
    pub name: Option<String>,
    /// What the caller says of it.
    pub description: Edit<String>,
}

impl Agent {
    /// The agent after a change; None where that changes nothing.
    #[must_use]
    pub fn edited(&self, edit: &AgentEdit, now: Timestamp) -> Option<Self> {
        let edited = Self {
            name: edit.name.clone().unwrap_or_else(|| self.name.clone()),
            description: edit.description.over(&self.description),
            ..self.clone()
        };
        (edited != *self).then(|| Self {
            updated_at: now.following(self.updated_at),
            ..edited
        })
    }
}
