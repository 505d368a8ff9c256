//! What a tool is, and what an assistant gets back from one.

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rmcp::model::{CallToolResult, ContentBlock, JsonObject, ToolAnnotations};
use rmcp::schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::{Answer, CallError};
use crate::reach::Reach;

/// Something that an assistant can do. The fields of the type are its arguments, and what is written
/// on them is what the assistant reads.
#[async_trait]
pub(crate) trait Tool: DeserializeOwned + JsonSchema + Send + 'static {
    /// What an assistant calls it by.
    const NAME: &'static str;
    /// What a person reads.
    const TITLE: &'static str;
    /// What it is for and when to use it, for the assistant.
    const DESCRIPTION: &'static str;

    /// Whether it only reads, can be repeated, cannot be taken back.
    fn hints() -> ToolAnnotations;

    /// Does it.
    async fn run(self, reach: &Reach) -> CallToolResult;
}

/// A tool of which nothing but its name is known.
pub(crate) struct Offer {
    pub(crate) name: &'static str,
    pub(crate) definition: fn() -> rmcp::model::Tool,
    pub(crate) run: for<'a> fn(&'a Reach, JsonObject) -> BoxFuture<'a, CallToolResult>,
}

impl Offer {
    /// The offer of a tool.
    pub(crate) const fn of<T: Tool>() -> Self {
        Self {
            name: T::NAME,
            definition: definition::<T>,
            run: run::<T>,
        }
    }
}

fn definition<T: Tool>() -> rmcp::model::Tool {
    rmcp::model::Tool::new(T::NAME, T::DESCRIPTION, JsonObject::new())
        .with_input_schema::<T>()
        .with_title(T::TITLE)
        .with_annotations(T::hints())
}

fn run<T: Tool>(reach: &Reach, arguments: JsonObject) -> BoxFuture<'_, CallToolResult> {
    async move {
        match serde_json::from_value::<T>(Value::Object(arguments)) {
            Ok(tool) => tool.run(reach).await,
            Err(error) => failure(format!("the arguments do not fit `{}`: {error}", T::NAME)),
        }
    }
    .boxed()
}

/// It only reads.
pub(crate) fn reads() -> ToolAnnotations {
    ToolAnnotations::new().read_only(true).open_world(false)
}

/// It changes something here, and twice is as good as once.
pub(crate) fn changes() -> ToolAnnotations {
    let hints = ToolAnnotations::new().read_only(false).idempotent(true);
    hints.destructive(false).open_world(false)
}

/// It has something done on a website, and each time once more.
pub(crate) fn acts() -> ToolAnnotations {
    let hints = ToolAnnotations::new().read_only(false).idempotent(false);
    hints.destructive(true).open_world(true)
}

/// What the API said, as the assistant gets it.
pub(crate) fn told(answer: Result<Answer, CallError>) -> CallToolResult {
    match json(answer) {
        Ok(value) => CallToolResult::structured(value),
        Err(refused) => *refused,
    }
}

/// The body of an answer that is no refusal.
///
/// # Errors
/// What the assistant gets in its place: each thing that is wrong, in a line.
pub(crate) fn json(answer: Result<Answer, CallError>) -> Result<Value, Box<CallToolResult>> {
    let answer = answer.map_err(|error| Box::new(failure(error.to_string())))?;
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    if answer.status.is_success() {
        return Ok(body);
    }
    let errors = body["errors"].as_array().map(Vec::as_slice);
    let mut lines: Vec<String> = errors.unwrap_or_default().iter().map(line).collect();
    if lines.is_empty() {
        lines.push(format!("Windlass answered {}", answer.status));
    }
    let mut result = failure(lines.join("\n"));
    if body.is_object() {
        result.structured_content = Some(body);
    }
    Err(Box::new(result))
}

fn line(error: &Value) -> String {
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let place = match error["field"].as_str() {
        Some(field) => format!("{field}: "),
        None => String::new(),
    };
    let (message, kind, code) = (text("message"), text("type"), text("code"));
    format!("{place}{message} ({kind}/{code})")
}

/// What went wrong, in words for the assistant.
pub(crate) fn failure(why: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(why)])
}
