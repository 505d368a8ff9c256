//! Makes an agent.

use std::sync::Arc;

use windlass_domain::agent::Agent;
use windlass_domain::agent::AgentWithTasks;
use windlass_domain::id::AgentId;

use crate::error::CallError;
use crate::field;
use crate::ports::{Agents, Clock};
use crate::problem::{Problem, Resource, with_form};
use crate::random::random;
use crate::write::{Write, Written};

/// The longest description, in characters.
pub(crate) const MAX_DESCRIPTION_CHARACTERS: usize = 4_096;

/// An agent as its caller gives it.
#[derive(Debug, Clone, Default)]
pub struct NewAgent {
    /// An id of the caller's choice.
    pub id: Option<String>,
    /// Its name.
    pub name: String,
    /// What the caller says of it.
    pub description: Option<String>,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Makes an agent.
pub struct CreateAgent {
    pub(crate) agents: Arc<dyn Agents>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl CreateAgent {
    /// Checks and keeps a new agent.
    ///
    /// # Errors
    /// All that is wrong with it; `IdTaken`.
    pub async fn execute(
        &self,
        write: Write,
        new: NewAgent,
    ) -> Result<Written<AgentWithTasks>, CallError> {
        let mut problems = Vec::new();
        let id = field::chosen_id(new.id.as_deref(), AgentId::parse, &mut problems);
        let name = field::name("name", &new.name, &mut problems);
        let description = field::bounded(
            "description",
            new.description,
            MAX_DESCRIPTION_CHARACTERS,
            &mut problems,
        );
        let problems = with_form(new.wrong, problems);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let now = self.clock.now();
        let agent = Agent {
            id: id.unwrap_or_else(|| AgentId::new(now, random())),
            name,
            description,
            created_at: now,
            updated_at: now,
        };
        self.agents
            .create(write, agent)
            .await
            .map_err(|error| CallError::of_write(error, Resource::Agent))
    }
}
