//! Tasks as tools of their own, each with its own input schema.
//!
//! Which ones a caller says, since a tool costs an assistant attention: all that are live, or some by
//! their ids.

use std::str::FromStr;

use http::StatusCode;
use rmcp::model::{CallToolResult, JsonObject};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{Answer, Call};
use crate::reach::Reach;
use crate::tool::{acts, failure, json, told};
use crate::tools::started;

/// The most tasks that are tools at once.
const AT_MOST: usize = 100;

/// The longest part of a tool's name that comes from the task's. Assistants take 64 in all.
const NAME_LENGTH: usize = 48;

/// Which tasks are tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TaskTools {
    /// None.
    #[default]
    None,
    /// The newest hundred of those that are live.
    Live,
    /// These, whatever their status.
    Of(Vec<String>),
}

/// A word that says no tasks.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither `live` nor ids of tasks, separated by commas, {AT_MOST} at most")]
pub struct UnknownTaskTools(String);

impl FromStr for TaskTools {
    type Err = UnknownTaskTools;

    /// `live`, or ids of tasks that are separated by commas.
    fn from_str(text: &str) -> Result<Self, UnknownTaskTools> {
        if text == "live" {
            return Ok(Self::Live);
        }
        let ids: Vec<String> = text.split(',').map(|id| id.trim().to_owned()).collect();
        if ids.len() > AT_MOST || !ids.iter().all(|id| id.starts_with("task_")) {
            return Err(UnknownTaskTools(text.to_owned()));
        }
        Ok(Self::Of(ids))
    }
}

/// A task that is a tool.
pub(crate) struct TaskTool {
    /// What it is called.
    pub(crate) name: String,
    /// Its name where another task has the same.
    pub(crate) marked: String,
    /// What it does.
    pub(crate) task: Task,
}

/// A task, as far as a tool needs to know it.
#[derive(Deserialize)]
pub(crate) struct Task {
    /// Its id.
    pub(crate) id: String,
    name: String,
    prompt: Option<String>,
    input_schema: Option<Value>,
}

/// The arguments of a task's tool.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    input: Option<Value>,
    credential_id: Option<String>,
    source_id: Option<String>,
    session_id: Option<String>,
    wait_seconds: Option<u32>,
    idempotency_key: Option<String>,
}

/// The tools of these tasks, as they are now.
///
/// # Errors
/// What the API says where it refuses.
pub(crate) async fn task_tools(
    wanted: &TaskTools,
    reach: &Reach,
) -> Result<Vec<TaskTool>, Box<CallToolResult>> {
    let mut tasks = Vec::new();
    match wanted {
        TaskTools::None => {}
        TaskTools::Live => {
            let call = Call::get(&["tasks"]).query("status", Some("live"));
            let page = json(reach.call(call.query("limit", Some(AT_MOST))).await)?;
            let rows = page["data"].as_array().cloned().unwrap_or_default();
            tasks.extend(rows.into_iter().filter_map(task));
        }
        TaskTools::Of(ids) => {
            for id in ids {
                let answer = reach.call(Call::get(&["tasks", id])).await;
                // One that was deleted takes none of the other tools with it.
                if !answer.as_ref().is_ok_and(is_gone) {
                    tasks.extend(task(json(answer)?));
                }
            }
        }
    }
    Ok(named(tasks))
}

/// The tool of this one task; None where there is no such task, or its tool is called otherwise by now.
///
/// # Errors
/// What the API says where it refuses.
pub(crate) async fn task_tool(
    task_id: &str,
    name: &str,
    reach: &Reach,
) -> Result<Option<TaskTool>, Box<CallToolResult>> {
    let answer = reach.call(Call::get(&["tasks", task_id])).await;
    if answer.as_ref().is_ok_and(is_gone) {
        return Ok(None);
    }
    let tool = task(json(answer)?).and_then(|task| named(vec![task]).pop());
    Ok(tool.filter(|tool| tool.name == name || tool.marked == name))
}

fn is_gone(answer: &Answer) -> bool {
    answer.status == StatusCode::NOT_FOUND
}

fn task(value: Value) -> Option<Task> {
    serde_json::from_value(value).ok()
}

/// Names are made from those of the tasks; where two would have one name, each ends in a mark of its own
/// task, so that neither is ever called for the other, whichever leaves the list or joins it.
fn named(mut tasks: Vec<Task>) -> Vec<TaskTool> {
    tasks.sort_by(|left, right| left.id.cmp(&right.id));
    tasks.dedup_by(|left, right| left.id == right.id);
    let words: Vec<String> = tasks.iter().map(|task| word(&task.name)).collect();
    let tools = tasks.into_iter().zip(&words).map(|(task, own)| {
        let is_shared = words.iter().filter(|word| *word == own).count() > 1;
        let marked = format!("run_{own}_{}", mark(&task.id));
        TaskTool {
            name: if is_shared {
                marked.clone()
            } else {
                format!("run_{own}")
            },
            marked,
            task,
        }
    });
    tools.collect()
}

/// What tells a task from another of its name: eight digits that come from its id alone (FNV-1a). Ids may
/// be long, and alike at either end.
fn mark(id: &str) -> String {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

/// A name in the letters that a tool's name may have.
fn word(name: &str) -> String {
    let mut word = String::new();
    for character in name.chars().flat_map(char::to_lowercase) {
        if character.is_ascii_alphanumeric() {
            word.push(character);
        } else if !word.is_empty() && !word.ends_with('_') {
            word.push('_');
        }
        if word.len() == NAME_LENGTH {
            break;
        }
    }
    match word.trim_end_matches('_') {
        "" => "task".to_owned(),
        word => word.to_owned(),
    }
}

/// The tool that an assistant means by this name. One that learned of it beside another of its name goes
/// on with that name, unless it has become that of another.
pub(crate) fn called(mut tools: Vec<TaskTool>, name: &str) -> Option<TaskTool> {
    let listed = tools.iter().position(|tool| tool.name == name);
    let marked = || tools.iter().position(|tool| tool.marked == name);
    let place = listed.or_else(marked)?;
    Some(tools.swap_remove(place))
}

impl TaskTool {
    /// What the assistant is told of it.
    pub(crate) fn definition(&self) -> rmcp::model::Tool {
        let what = match &self.task.prompt {
            Some(prompt) => format!("{}: {prompt}", self.task.name),
            None => format!("{}.", self.task.name),
        };
        let description =
            format!("{what}\n\nStarts a run of this task and answers it, as `start_run` does.");
        rmcp::model::Tool::new(self.name.clone(), description, self.schema())
            .with_title(self.task.name.clone())
            .with_annotations(acts())
    }

    fn schema(&self) -> JsonObject {
        // Some clients take no schema that is true or false.
        let mut input = match &self.task.input_schema {
            None | Some(Value::Bool(true)) => json!({}),
            Some(Value::Bool(false)) => json!({"not": {}}),
            Some(schema) => schema.clone(),
        };
        if let Some(schema) = input.as_object_mut() {
            // It would be what its references start from, wherever they stand.
            schema.remove("$id");
        }
        rebase(&mut input);
        let needs_input = self.task.input_schema.as_ref().is_some_and(demands);
        let text = |description: &str| json!({"type": "string", "description": description});
        let mut schema = JsonObject::new();
        schema.insert("type".into(), json!("object"));
        schema.insert(
            "properties".into(),
            json!({
                "input": input,
                "credential_id": text("Who is to be logged in, from `list_credentials`."),
                "source_id": text("Where, from `list_sources`; needed only without a credential and a session."),
                "session_id": text("The session of an earlier run, to go on in it."),
                "wait_seconds": {"type": "integer", "minimum": 0, "maximum": 60,
                    "description": "How long to wait until it has ended or needs somebody; 20 where left out."},
                "idempotency_key": text("A text that you make up for this start, to repeat a call without starting anew."),
            }),
        );
        schema.insert("additionalProperties".into(), json!(false));
        if needs_input {
            schema.insert("required".into(), json!(["input"]));
        }
        schema
    }

    /// Starts a run of it.
    pub(crate) async fn run(&self, reach: &Reach, arguments: JsonObject) -> CallToolResult {
        let arguments = match serde_json::from_value::<Arguments>(Value::Object(arguments)) {
            Ok(arguments) => arguments,
            Err(error) => {
                return failure(format!("the arguments do not fit `{}`: {error}", self.name));
            }
        };
        let body = json!({
            "input": arguments.input,
            "credential_id": arguments.credential_id,
            "source_id": arguments.source_id,
            "session_id": arguments.session_id,
        });
        let key = arguments.idempotency_key.as_deref();
        match started(&self.task.id, body, arguments.wait_seconds, key) {
            Ok(call) => told(reach.call(call).await),
            Err(why) => failure(why),
        }
    }
}

/// Whether a schema asks for something, so that a run without input would be refused.
fn demands(schema: &Value) -> bool {
    schema["required"]
        .as_array()
        .is_some_and(|names| !names.is_empty())
}

/// Makes what refers to the schema's own root refer to where the schema stands now. A task's schema
/// refers nowhere else.
fn rebase(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            for (keyword, value) in keywords {
                match (keyword.as_str(), value) {
                    // Values, not schemas.
                    ("const" | "enum" | "default" | "examples", _) => {}
                    // Schemas by names that may be those of keywords.
                    (
                        "properties" | "patternProperties" | "dependentSchemas" | "$defs"
                        | "definitions",
                        Value::Object(schemas),
                    ) => schemas.values_mut().for_each(rebase),
                    ("$ref" | "$dynamicRef", Value::String(target)) => {
                        if let Some(pointer) = target.strip_prefix('#')
                            && (pointer.is_empty() || pointer.starts_with('/'))
                        {
                            *target = format!("#/properties/input{pointer}");
                        }
                    }
                    (_, value) => rebase(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rebase),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Task, TaskTool, TaskTools, called, named, rebase, word};

    fn task(id: &str, name: &str) -> Task {
        Task {
            id: id.to_owned(),
            name: name.to_owned(),
            prompt: None,
            input_schema: None,
        }
    }

    #[test]
    fn a_word_has_the_letters_of_a_tools_name() {
        for (name, expected) in [
            ("Download the invoice", "download_the_invoice"),
            ("  Q3/2026 — Rechnung!  ", "q3_2026_rechnung"),
            ("請求書", "task"),
            ("ÄÖ x", "x"),
        ] {
            assert_eq!(word(name), expected, "{name}");
        }
        assert!(word(&"long name ".repeat(30)).len() <= 48);
    }

    /// Each tool's name, by its task.
    fn names(tools: &[TaskTool]) -> Vec<(&str, &str)> {
        let names = tools.iter();
        names
            .map(|tool| (tool.task.id.as_str(), tool.name.as_str()))
            .collect()
    }

    #[test]
    fn two_tasks_of_one_name_are_two_tools() {
        let tools = named(vec![
            task("task_b", "Invoice"),
            task("task_a", "invoice"),
            task("task_c", "Invoice 2"),
            task("task_b", "Invoice"),
        ]);

        assert_eq!(
            names(&tools),
            [
                ("task_a", "run_invoice_440df6f8"),
                ("task_b", "run_invoice_470dfbb1"),
                ("task_c", "run_invoice_2")
            ]
        );
    }

    #[test]
    fn a_name_means_the_same_task_when_another_of_that_name_has_left() {
        let before = named(vec![task("task_a", "Invoice"), task("task_b", "Invoice")]);
        let after = || named(vec![task("task_b", "Invoice")]);

        let meant = |name: &str| called(after(), name).map(|tool| tool.task.id);
        assert_eq!(meant(&before[0].name), None);
        assert_eq!(meant(&before[1].name).as_deref(), Some("task_b"));
        assert_eq!(names(&after()), [("task_b", "run_invoice")]);
        assert!(called(before, "run_invoice").is_none());
    }

    #[test]
    fn a_name_is_of_the_task_that_is_listed_by_it() {
        let tools = named(vec![
            task("task_a", "Invoice"),
            task("task_b", "Invoice 440df6f8"),
        ]);

        let meant = called(tools, "run_invoice_440df6f8");
        assert_eq!(meant.map(|tool| tool.task.id).as_deref(), Some("task_b"));
    }

    #[test]
    fn references_follow_their_schema() {
        let mut schema = json!({
            "$defs": {"month": {"type": "string"}, "tree": {"items": {"$ref": "#"}}},
            "properties": {"from": {"$ref": "#/$defs/month"}, "near": {"$ref": "#anchor"}},
            "enum": [{"$ref": "#/$defs/month"}],
        });

        rebase(&mut schema);

        assert_eq!(
            schema,
            json!({
                "$defs": {"month": {"type": "string"}, "tree": {"items": {"$ref": "#/properties/input"}}},
                "properties": {"from": {"$ref": "#/properties/input/$defs/month"}, "near": {"$ref": "#anchor"}},
                "enum": [{"$ref": "#/$defs/month"}],
            })
        );
    }

    #[test]
    fn a_property_may_have_the_name_of_a_keyword() {
        let mut schema = json!({"properties": {"default": {"$ref": "#/$defs/month"}}});

        rebase(&mut schema);

        let expected = "#/properties/input/$defs/month";
        assert_eq!(schema["properties"]["default"]["$ref"], expected);
    }

    #[test]
    fn every_property_of_a_tool_has_a_schema_that_is_an_object() {
        for (schema, expected) in [
            (None, json!({})),
            (Some(json!(true)), json!({})),
            (Some(json!(false)), json!({"not": {}})),
            (
                Some(
                    json!({"$id": "https://x.example/s", "$ref": "#/$defs/m", "$defs": {"m": {}}}),
                ),
                json!({"$ref": "#/properties/input/$defs/m", "$defs": {"m": {}}}),
            ),
        ] {
            let task = Task {
                input_schema: schema,
                ..task("task_a", "A")
            };
            let tools = named(vec![task]);

            let schema = tools[0].schema();

            assert_eq!(schema["properties"]["input"], expected);
            let properties = schema["properties"].as_object().unwrap();
            assert!(properties.values().all(serde_json::Value::is_object));
        }
    }

    #[test]
    fn tasks_are_named_by_a_word_or_by_their_ids() {
        assert_eq!("live".parse(), Ok(TaskTools::Live));
        let two = TaskTools::Of(vec!["task_a".into(), "task_b".into()]);
        assert_eq!("task_a, task_b".parse(), Ok(two));
        for wrong in ["", "all", "task_a,", "src_a", "live,task_a"] {
            assert!(wrong.parse::<TaskTools>().is_err(), "{wrong}");
        }
    }
}
