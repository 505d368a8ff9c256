//! An agent in its row, and its tasks in theirs.

use std::collections::HashMap;

use windlass_domain::agent::{Agent, AgentWithTasks};
use windlass_domain::id::{AgentId, TaskId};
use windlass_domain::task::{TaskStatus, TaskSummary};

use super::{Row, known};
use crate::Impossible;
use crate::columns::At;

row! {
    /// A row of `agent`.
    #[derive(Debug)]
    pub struct AgentRow {
        id: String,
        name: String,
        description: Option<String>,
        created_at: At,
        updated_at: At,
    }
}

impl Row for AgentRow {
    type Kept = Agent;
    const TABLE: &'static str = "agent";

    fn name(&self) -> String {
        self.id.clone()
    }

    fn kept(self) -> Result<Agent, Impossible> {
        Ok(Agent {
            id: AgentId::parse(&self.id)?,
            name: self.name,
            description: self.description,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

row! {
    /// A task as its agent shows it: a row of `task`, joined with its newest version.
    #[derive(Debug)]
    pub struct AgentTaskRow {
        agent_id: String,
        id: String,
        name: String,
        status: String,
    }
}

impl Row for AgentTaskRow {
    type Kept = (AgentId, TaskSummary);
    const TABLE: &'static str = "task";

    fn name(&self) -> String {
        self.id.clone()
    }

    fn kept(self) -> Result<Self::Kept, Impossible> {
        let summary = TaskSummary {
            id: TaskId::parse(&self.id)?,
            status: known("status", &self.status, TaskStatus::parse)?,
            name: self.name,
        };
        Ok((AgentId::parse(&self.agent_id)?, summary))
    }
}

/// These agents with their tasks, each with its own in the order of `tasks`.
pub fn with_tasks(agents: Vec<Agent>, tasks: Vec<(AgentId, TaskSummary)>) -> Vec<AgentWithTasks> {
    let mut by_agent: HashMap<AgentId, Vec<TaskSummary>> = HashMap::new();
    for (agent_id, task) in tasks {
        by_agent.entry(agent_id).or_default().push(task);
    }
    let with_its_own = |agent: Agent| AgentWithTasks {
        tasks: by_agent.remove(&agent.id).unwrap_or_default(),
        agent,
    };
    agents.into_iter().map(with_its_own).collect()
}
