//! Reading a run: as it is, once it has ended or needs somebody, and all that happened in it.

use async_trait::async_trait;
use rmcp::model::{CallToolResult, ToolAnnotations};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

use crate::call::Call;
use crate::reach::Reach;
use crate::tool::{Tool, reads, told};

/// How long a wait is where nobody says, in seconds.
const WAIT_SECONDS: u32 = 30;

/// A run that somebody waits for.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitForRun {
    /// Which run.
    run_id: String,
    /// How long at most: 1 to 60 seconds, 30 where left out.
    seconds: Option<u32>,
}

#[async_trait]
impl Tool for WaitForRun {
    const NAME: &'static str = "wait_for_run";
    const TITLE: &'static str = "Wait for a run";
    const DESCRIPTION: &'static str = "Waits until a run has ended or needs somebody, and answers it as it is then; after `seconds` in any case. Call it again while the status is `queued`, `running` or `canceling`.";

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let seconds = self.seconds.unwrap_or(WAIT_SECONDS);
        let call = Call::get(&["task-runs", &self.run_id]).query("wait", Some(seconds));
        told(reach.call(call).await)
    }
}

/// A run as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadRun {
    /// Which run.
    run_id: String,
    /// What to answer beside it.
    #[serde(default)]
    include: Vec<Include>,
}

/// What a run can be answered with.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Include {
    /// What it was started with.
    Input,
    /// The files that it has captured.
    Storage,
    /// What its agent saw at each step.
    Screenshots,
}

impl Include {
    fn name(&self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Storage => "storage",
            Self::Screenshots => "screenshots",
        }
    }
}

#[async_trait]
impl Tool for ReadRun {
    const NAME: &'static str = "read_run";
    const TITLE: &'static str = "Read a run";
    const DESCRIPTION: &'static str = "Answers a run: its status, its `output` once it is completed, its `errors` where it failed, what it asks where it waits for a person.";

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let names: Vec<&str> = self.include.iter().map(Include::name).collect();
        let include = (!names.is_empty()).then(|| names.join(","));
        let call = Call::get(&["task-runs", &self.run_id]).query("include", include);
        told(reach.call(call).await)
    }
}

/// All that happened in a run.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadTimeline {
    /// Which run.
    run_id: String,
}

#[async_trait]
impl Tool for ReadTimeline {
    const NAME: &'static str = "read_timeline";
    const TITLE: &'static str = "Read what happened in a run";
    const DESCRIPTION: &'static str = "Answers all that happened in a run, oldest first: each step of its agent, each file, each question. Use it to say why a run failed.";

    fn hints() -> ToolAnnotations {
        reads()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let call = Call::get(&["task-runs", &self.run_id, "timeline"]);
        told(reach.call(call).await)
    }
}
