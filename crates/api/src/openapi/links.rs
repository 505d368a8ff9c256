//! Links: where the id of one answer leads on.

use serde_json::{Map, Value, json};

use super::{Call, calls, resources, schema_name};

/// Fields of bodies that take the id of what was made before.
const BODY_FIELDS: [(&str, &str); 3] = [
    ("AgentBody", "agent_id"),
    ("SourceBody", "source_id"),
    ("CredentialBody", "credential_id"),
];

/// A call that an id may lead to.
struct Target {
    operation_id: String,
    is_read: bool,
    parameters: Vec<String>,
    /// The schema of its body.
    body: Option<String>,
}

/// Adds links to what creates and lists answer. What reads and changes answer leads to the same
/// calls, so that it need not be said again.
pub(super) fn add(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let targets: Vec<Target> = calls(document).iter().map(Target::of).collect();
    for call in calls(document) {
        let Some(answered) = call.answers().map(str::to_owned) else {
            continue;
        };
        let items = &schemas[&answered]["properties"]["data"]["items"];
        let links: Map<String, Value> = match items["$ref"].as_str().map(schema_name) {
            Some(item) => {
                let place = "$response.body#/data/0";
                let reads = targets.iter().filter(|target| target.is_read);
                reads
                    .filter_map(|target| target.linked(item, &schemas, place))
                    .collect()
            }
            None if matches!(call.method, "post" | "put") => {
                let place = "$response.body#";
                let leads = targets.iter();
                leads
                    .filter_map(|target| target.linked(&answered, &schemas, place))
                    .collect()
            }
            None => continue,
        };
        if links.is_empty() {
            continue;
        }
        let responses = call.operation["responses"].as_object_mut();
        for (status, response) in responses.into_iter().flatten() {
            if super::is_success(status) {
                response["links"] = Value::Object(links.clone());
            }
        }
    }
}

impl Target {
    fn of(call: &Call<'_>) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let body = call.operation.get("requestBody");
        let body = body.and_then(|body| {
            let reference = &body["content"]["application/json"]["schema"]["$ref"];
            reference.as_str().map(schema_name)
        });
        Self {
            operation_id: text(&call.operation["operationId"]),
            is_read: !call.is_write(),
            parameters: call
                .parameters("path")
                .into_iter()
                .map(str::to_owned)
                .collect(),
            body: body.map(str::to_owned),
        }
    }

    /// Its name and the link, where what an answer of this schema has at this place is all that its
    /// path needs, and the answer's own id is among it.
    fn linked(&self, schema: &str, schemas: &Value, place: &str) -> Option<(String, Value)> {
        let own = resources::ALL
            .iter()
            .find(|resource| resource.schema == schema);
        let own = own.map(|resource| resource.parameter);
        let mut link = Map::new();
        link.insert("operationId".to_owned(), self.operation_id.clone().into());
        if self.parameters.is_empty() {
            let field = BODY_FIELDS.iter().find(|(from, _)| *from == schema);
            let (_, field) = field?;
            let body = &schemas[self.body.as_deref()?]["properties"];
            body.get(*field)?;
            let body = json!({*field: format!("{place}/id")});
            link.insert("requestBody".to_owned(), body);
            return Some((self.operation_id.clone(), link.into()));
        }
        let mut parameters = Map::new();
        for name in &self.parameters {
            let member = if own == Some(name) {
                "id"
            } else {
                let of_schema = schemas[schema]["properties"].get(name)?;
                of_schema["type"].is_string().then_some(name.as_str())?
            };
            let from = format!("{place}/{member}");
            parameters.insert(name.clone(), Value::from(from));
        }
        let names_own = own.is_none_or(|own| self.parameters.iter().any(|name| name == own));
        link.insert("parameters".to_owned(), Value::Object(parameters));
        names_own.then(|| (self.operation_id.clone(), link.into()))
    }
}
