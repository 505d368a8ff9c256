//! What events show of what a caller sets up.

use serde::Serialize;
use utoipa::ToSchema;
use windlass_domain::agent::Agent;
use windlass_domain::credential::Credential;
use windlass_domain::event::TaskEventSummary;
use windlass_domain::source::Source;

/// An agent, as its events show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentEventData {
    /// `agt_…`.
    pub id: String,
    /// `agent`.
    pub object: &'static str,
    /// Its name.
    pub name: String,
    /// What the caller says of it.
    #[schema(required)]
    pub description: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// A source, as its events show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceEventData {
    /// `src_…`.
    pub id: String,
    /// `source`.
    pub object: &'static str,
    /// Its name.
    #[schema(required)]
    pub name: Option<String>,
    /// `website`.
    #[serde(rename = "type")]
    pub source_type: &'static str,
    /// Where it is.
    pub website: WebsiteEventData,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// Where a source is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebsiteEventData {
    /// Where work starts, as the caller wrote it.
    pub url: String,
}

/// A credential, as its events show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CredentialEventData {
    /// `cred_…`.
    pub id: String,
    /// `credential`.
    pub object: &'static str,
    /// `unverified`, `verified`, `invalid` or `deleted`.
    pub status: &'static str,
    /// Its source.
    pub source_id: String,
    /// `username_password` or `none`.
    pub auth_method: &'static str,
    /// The caller's own name for the person.
    #[schema(required)]
    pub external_id: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

/// A task, as its events show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct TaskEventData {
    /// `task_…`.
    pub id: String,
    /// `task`.
    pub object: &'static str,
    /// Its name.
    pub name: String,
    /// `learning`, `test` or `live`.
    pub status: &'static str,
    /// Its agent.
    pub agent_id: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
}

impl From<&Agent> for AgentEventData {
    fn from(agent: &Agent) -> Self {
        Self {
            id: agent.id.to_string(),
            object: "agent",
            name: agent.name.clone(),
            description: agent.description.clone(),
            created_at: agent.created_at.to_string(),
            updated_at: agent.updated_at.to_string(),
        }
    }
}

impl From<&Source> for SourceEventData {
    fn from(source: &Source) -> Self {
        Self {
            id: source.id.to_string(),
            object: "source",
            name: source.name.clone(),
            source_type: "website",
            website: WebsiteEventData {
                url: source.url.clone(),
            },
            created_at: source.created_at.to_string(),
            updated_at: source.updated_at.to_string(),
        }
    }
}

impl From<&Credential> for CredentialEventData {
    fn from(credential: &Credential) -> Self {
        Self {
            id: credential.id.to_string(),
            object: "credential",
            status: credential.status.as_str(),
            source_id: credential.source_id.to_string(),
            auth_method: credential.auth_method.as_str(),
            external_id: credential.external_id.clone(),
            created_at: credential.created_at.to_string(),
            updated_at: credential.updated_at.to_string(),
        }
    }
}

impl From<&TaskEventSummary> for TaskEventData {
    fn from(task: &TaskEventSummary) -> Self {
        Self {
            id: task.id.to_string(),
            object: "task",
            name: task.name.clone(),
            status: task.status.as_str(),
            agent_id: task.agent_id.to_string(),
            created_at: task.created_at.to_string(),
            updated_at: task.updated_at.to_string(),
        }
    }
}
