//! Changes an agent.

use std::sync::Arc;

use windlass_domain::agent::{AgentEdit, AgentWithTasks};
use windlass_domain::edit::Edit;
use windlass_domain::id::AgentId;

use crate::create_agent::MAX_DESCRIPTION_CHARACTERS;
use crate::error::CallError;
use crate::field;
use crate::ports::Agents;
use crate::problem::{Problem, Resource, with_form};
use crate::write::{Write, Written};

/// What a caller changes of an agent, as given.
#[derive(Debug, Clone, Default)]
pub struct AgentChange {
    /// Its name, where that changes.
    pub name: Option<String>,
    /// What the caller says of it.
    pub description: Edit<String>,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// Changes an agent.
pub struct UpdateAgent {
    pub(crate) agents: Arc<dyn Agents>,
}

impl UpdateAgent {
    /// Checks a change and keeps it.
    ///
    /// # Errors
    /// All that is wrong with it; `NotFound`.
    pub async fn execute(
        &self,
        write: Write,
        id: &AgentId,
        change: AgentChange,
    ) -> Result<Written<AgentWithTasks>, CallError> {
        let mut problems = Vec::new();
        let name = change.name.as_deref();
        let edit = AgentEdit {
            name: name.map(|name| field::name("name", name, &mut problems)),
            description: field::edited(change.description, |text| {
                let most = MAX_DESCRIPTION_CHARACTERS;
                field::bounded("description", Some(text), most, &mut problems)
            }),
        };
        let problems = with_form(change.wrong, problems);
        if !problems.is_empty() {
            return Err(CallError::Invalid(problems));
        }
        let written = self.agents.update(write, id, edit).await;
        written.map_err(|error| CallError::of_write(error, Resource::Agent))
    }
}
