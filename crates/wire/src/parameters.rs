//! Query parameters as the OpenAPI document shows them. The API reads them one by one, so that it
//! can tell all that is wrong with them at once.

use serde::Deserialize;
use utoipa::IntoParams;

/// Which page of a list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParameters {
    /// How many items at most: 1 to 100, 20 where left out.
    #[param(minimum = 1, maximum = 100, default = 20)]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before; brings that page's filters.
    pub cursor: Option<String>,
    /// An id of the list: the page right below it.
    pub starting_after: Option<String>,
    /// An id of the list: the page right above it.
    pub ending_before: Option<String>,
    /// Made after this moment.
    #[param(format = DateTime)]
    pub created_after: Option<String>,
    /// Made before this moment.
    #[param(format = DateTime)]
    pub created_before: Option<String>,
}

/// Which sources to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SourceParameters {
    /// Of this name.
    pub name: Option<String>,
    /// `website`.
    #[serde(rename = "type")]
    pub source_type: Option<String>,
}

/// Which credentials to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CredentialParameters {
    /// Of one of these sources.
    pub source_id: Option<Vec<String>>,
    /// In one of these statuses.
    pub status: Option<Vec<String>>,
    /// Of the person whom you name so.
    pub external_id: Option<String>,
}

/// Which tasks to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TaskParameters {
    /// Of this agent.
    pub agent_id: Option<String>,
    /// In one of these statuses.
    pub status: Option<Vec<String>>,
}

/// Which runs to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunParameters {
    /// In one of these statuses.
    pub status: Option<Vec<String>>,
    /// With one of these results.
    pub result: Option<Vec<String>>,
    /// Another name of `result`.
    pub outcome: Option<Vec<String>>,
    /// At one of these sources.
    pub source_id: Option<Vec<String>>,
    /// Of this agent.
    pub agent_id: Option<String>,
    /// With this credential.
    pub credential_id: Option<String>,
    /// Of this task.
    pub task_id: Option<String>,
    /// In this session.
    pub session_id: Option<String>,
    /// Matches no run.
    pub workflow_id: Option<String>,
}

/// What else to read of a run, and how long to wait for it.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReadRunParameters {
    /// `input`, `storage`, `screenshots`, `artifacts`: each adds a key of its name.
    pub include: Option<Vec<String>>,
    /// 1 to 60 seconds: answers once the run needs somebody or has ended, or then as it is.
    #[param(minimum = 1, maximum = 60)]
    pub wait: Option<u32>,
}

/// Which files to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StorageParameters {
    /// Of this run.
    pub task_run_id: Option<String>,
    /// Of runs of this task.
    pub task_id: Option<String>,
    /// Of runs at this source.
    pub source_id: Option<String>,
}

/// Which events to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventParameters {
    /// Of one of these types, or of all of a resource, such as `task_run.*`.
    #[serde(rename = "type")]
    pub event_type: Option<Vec<String>>,
    /// Of this run: its own and its files'.
    pub task_run_id: Option<String>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryParameters {
    /// `pending`, `success` or `failure`.
    pub status: Option<Vec<String>>,
    /// Of events of one of these types.
    #[serde(rename = "type")]
    pub event_type: Option<Vec<String>>,
}

/// What makes a file's address good.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FileParameters {
    /// Until when, in seconds since 1970.
    pub expires: Option<String>,
    /// What the server signed it with.
    pub signature: Option<String>,
}
