//! Answering what a run asks its person.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rmcp::model::{CallToolResult, ToolAnnotations};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::json;

use crate::call::Call;
use crate::reach::Reach;
use crate::tool::{Tool, acts, told};

/// A person's answer.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerInteraction {
    /// Which run.
    run_id: String,
    /// What your user says, by the names of the interaction's fields.
    answers: Option<BTreeMap<String, String>>,
    /// True where your user does not want to answer: the run fails.
    decline: Option<bool>,
}

#[async_trait]
impl Tool for AnswerInteraction {
    const NAME: &'static str = "answer_interaction";
    const TITLE: &'static str = "Answer what a run asks";
    const DESCRIPTION: &'static str = "Answers the `interaction` of a run that is `interaction_required`, and the run goes on. Ask your user for the answers, never make them up: they are codes from a phone, choices among accounts, approvals of what cannot be taken back. A wrong code is asked for again.";

    fn hints() -> ToolAnnotations {
        acts()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let body = json!({"input": self.answers, "decline": self.decline});
        let call = Call::post(&["task-runs", &self.run_id, "interaction"]).body(body);
        told(reach.call(call).await)
    }
}
