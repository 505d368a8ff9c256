//! Reviewing the output of a run.

use async_trait::async_trait;
use rmcp::model::{CallToolResult, ToolAnnotations};
use rmcp::schemars::{self, JsonSchema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::reach::Reach;
use crate::tool::{Tool, acts, told};

/// A person's review.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReviewRun {
    /// Which run.
    run_id: String,
    /// Whether the output counts.
    decision: Decision,
    /// The corrected output, with `approve`; as it is where left out.
    output: Option<Value>,
    /// Why it does not count, with `reject`.
    reason: Option<String>,
}

/// Whether an output counts.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Decision {
    /// It does: the run is completed.
    Approve,
    /// It does not: the run fails.
    Reject,
}

#[async_trait]
impl Tool for ReviewRun {
    const NAME: &'static str = "review_run";
    const TITLE: &'static str = "Review the output of a run";
    const DESCRIPTION: &'static str = "Decides over the output of a run that is `review_required`. The decision is your user's: show the output, and ask.";

    fn hints() -> ToolAnnotations {
        acts()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let body = json!({
            "decision": self.decision,
            "output": self.output,
            "reason": self.reason,
        });
        let call = Call::post(&["task-runs", &self.run_id, "review"]).body(body);
        told(reach.call(call).await)
    }
}
