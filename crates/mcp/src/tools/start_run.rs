//! Starting a run.

use std::collections::BTreeMap;

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use rmcp::model::{CallToolResult, ToolAnnotations};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::Call;
use crate::reach::Reach;
use crate::tool::{Tool, acts, failure, told};

/// How long a start waits where nobody says, in seconds: many runs need no longer, and an assistant
/// whose client gives up before has lost nothing but the answer.
const WAIT_SECONDS: u32 = 20;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A run of a task.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartRun {
    /// Which task.
    task_id: String,
    /// What the task's `input_schema` asks for.
    input: Option<Value>,
    /// Who is to be logged in, from `list_credentials`. Tells the source too.
    credential_id: Option<String>,
    /// Where, from `list_sources`; needed only without a credential and a session.
    source_id: Option<String>,
    /// The session of an earlier run, to go on in it.
    session_id: Option<String>,
    /// Notes of your own, which come back with the run.
    metadata: Option<BTreeMap<String, String>>,
    /// How long to wait until it has ended or needs somebody: 0 to 60 seconds, 20 where left out.
    wait_seconds: Option<u32>,
    /// A text that you make up for this start: another call with the same one starts nothing new, but
    /// answers this run. Use it where you may have to repeat a call.
    idempotency_key: Option<String>,
}

#[async_trait]
impl Tool for StartRun {
    const NAME: &'static str = "start_run";
    const TITLE: &'static str = "Start a run";
    const DESCRIPTION: &'static str = "Has a task done on its website and answers the run. Look at its `status`: `completed`, then `output` has the result; `failed`, then `errors` says why; `interaction_required`, then ask your user what `interaction` says and call `answer_interaction`; `review_required`, then show your user the output and call `review_run`; `queued` or `running`, then call `wait_for_run`.";

    fn hints() -> ToolAnnotations {
        acts()
    }

    async fn run(self, reach: &Reach) -> CallToolResult {
        let body = json!({
            "input": self.input,
            "credential_id": self.credential_id,
            "source_id": self.source_id,
            "session_id": self.session_id,
            "metadata": self.metadata,
        });
        let key = self.idempotency_key.as_deref();
        match started(&self.task_id, body, self.wait_seconds, key) {
            Ok(call) => told(reach.call(call).await),
            Err(why) => failure(why),
        }
    }
}

/// The call that starts a run of a task.
///
/// # Errors
/// In words, where an argument cannot be sent.
pub(crate) fn started(
    task_id: &str,
    body: Value,
    wait_seconds: Option<u32>,
    idempotency_key: Option<&str>,
) -> Result<Call, String> {
    let mut call = Call::post(&["tasks", task_id, "run"]).body(body);
    let seconds = wait_seconds.unwrap_or(WAIT_SECONDS);
    if seconds > 0 {
        call = call.header(PREFER, wait_of(seconds)?);
    }
    if let Some(key) = idempotency_key {
        let key = HeaderValue::from_str(key);
        let key = key.map_err(|_| "`idempotency_key` has characters that cannot be sent")?;
        call = call.header(IDEMPOTENCY_KEY, key);
    }
    Ok(call)
}

/// A wait, as a header has it.
fn wait_of(seconds: u32) -> Result<HeaderValue, String> {
    if seconds > 60 {
        return Err("`wait_seconds` is at most 60: call `wait_for_run` to wait on".to_owned());
    }
    HeaderValue::from_str(&format!("wait={seconds}")).map_err(|error| error.to_string())
}
