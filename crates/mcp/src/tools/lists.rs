//! Pages of what there is: tasks, sources, credentials, runs, files.

use async_trait::async_trait;
use rmcp::model::{CallToolResult, ToolAnnotations};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

use crate::call::Call;
use crate::reach::Reach;
use crate::tool::{Tool, reads, told};

/// Tasks.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListTasks {
    /// Only those with this status: `learning`, `test` or `live`.
    status: Option<String>,
    /// Only those of this agent.
    agent_id: Option<String>,
    /// How many, 1 to 100; 20 where left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[async_trait]
impl Tool for ListTasks {
    const NAME: &'static str = "list_tasks";
    const TITLE: &'static str = "List tasks";
    const DESCRIPTION: &'static str = "Lists what can be done: each task with its name, its prompt and, in `input_schema`, what `start_run` must give it as `input`.";

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let call = Call::get(&["tasks"])
            .query("status", self.status)
            .query("agent_id", self.agent_id)
            .query("limit", self.limit)
            .query("cursor", self.cursor);
        told(reach.call(call).await)
    }
}

/// Sources.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListSources {
    /// Only those with this name.
    name: Option<String>,
    /// How many, 1 to 100; 20 where left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[async_trait]
impl Tool for ListSources {
    const NAME: &'static str = "list_sources";
    const TITLE: &'static str = "List sources";
    const DESCRIPTION: &'static str = "Lists the websites that tasks are done on.";

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let call = Call::get(&["sources"])
            .query("name", self.name)
            .query("limit", self.limit)
            .query("cursor", self.cursor);
        told(reach.call(call).await)
    }
}

/// Credentials.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListCredentials {
    /// Only those for this source.
    source_id: Option<String>,
    /// Only those of the person whom the caller knows by this name.
    external_id: Option<String>,
    /// How many, 1 to 100; 20 where left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[async_trait]
impl Tool for ListCredentials {
    const NAME: &'static str = "list_credentials";
    const TITLE: &'static str = "List credentials";
    const DESCRIPTION: &'static str = "Lists the logins that a run can use, without their passwords: whose they are, for which source, and whether the source took them.";

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let call = Call::get(&["credentials"])
            .query("source_id", self.source_id)
            .query("external_id", self.external_id)
            .query("limit", self.limit)
            .query("cursor", self.cursor);
        told(reach.call(call).await)
    }
}

/// Runs.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListRuns {
    /// Only those with one of these, separated by commas: `queued`, `running`,
    /// `interaction_required`, `review_required`, `completed`, `failed`, `canceling`, `canceled`.
    status: Option<String>,
    /// Only those of this task.
    task_id: Option<String>,
    /// Only those with this credential.
    credential_id: Option<String>,
    /// How many, 1 to 100; 20 where left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[async_trait]
impl Tool for ListRuns {
    const NAME: &'static str = "list_runs";
    const TITLE: &'static str = "List runs";
    const DESCRIPTION: &'static str = "Lists runs, newest first. With the status `interaction_required,review_required`: those that wait for a person.";

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let call = Call::get(&["task-runs"])
            .query("status", self.status)
            .query("task_id", self.task_id)
            .query("credential_id", self.credential_id)
            .query("limit", self.limit)
            .query("cursor", self.cursor);
        told(reach.call(call).await)
    }
}

/// Files.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListFiles {
    /// Only those of this run.
    run_id: Option<String>,
    /// Only those of this task's runs.
    task_id: Option<String>,
    /// How many, 1 to 100; 20 where left out.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[async_trait]
impl Tool for ListFiles {
    const NAME: &'static str = "list_files";
    const TITLE: &'static str = "List files";
    const DESCRIPTION: &'static str =
        "Lists the files that runs have captured, newest first. `read_file` reads one by its id.";

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let call = Call::get(&["storage"])
            .query("task_run_id", self.run_id)
            .query("task_id", self.task_id)
            .query("limit", self.limit)
            .query("cursor", self.cursor);
        told(reach.call(call).await)
    }
}
