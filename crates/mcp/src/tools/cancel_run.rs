//! Canceling a run.

use async_trait::async_trait;
use rmcp::model::{CallToolResult, ToolAnnotations};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;

use crate::call::Call;
use crate::reach::Reach;
use crate::tool::{Tool, changes, told};

/// A run that nobody wants any longer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelRun {
    /// Which run.
    run_id: String,
}

#[async_trait]
impl Tool for CancelRun {
    const NAME: &'static str = "cancel_run";
    const TITLE: &'static str = "Cancel a run";
    const DESCRIPTION: &'static str = "Cancels a run that is `queued` or `running`. What its agent has done on the website already stays done. A run that waits for a person is declined by `answer_interaction` instead.";

    fn hints() -> ToolAnnotations {
        changes().destructive(true)
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        told(
            reach
                .call(Call::post(&["task-runs", &self.run_id, "cancel"]))
                .await,
        )
    }
}
