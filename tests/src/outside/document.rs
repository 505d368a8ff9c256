//! The server's own document, and whether its answers are those that it has.

use std::collections::HashMap;

use anyhow::{Context, ensure};
use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use super::server::{Answered, Outside};

/// How many differences are told.
const TOLD: usize = 5;

/// An OpenAPI document.
pub(super) struct Document {
    value: Value,
    /// The form of what each schema describes, by name.
    forms: HashMap<String, Validator>,
}

impl Document {
    pub(super) fn new(value: Value) -> anyhow::Result<Self> {
        let schemas = value["components"]["schemas"].as_object();
        let mut forms = HashMap::new();
        for name in schemas.context("the document has no schemas")?.keys() {
            let reference = format!("#/components/schemas/{name}");
            let schema = json!({"$ref": reference, "components": value["components"]});
            let form = jsonschema::validator_for(&schema);
            let form = form.map_err(|error| anyhow::anyhow!("{name} is no schema: {error}"))?;
            forms.insert(name.clone(), form);
        }
        Ok(Self { value, forms })
    }

    /// How an answer differs from what the document has for its call.
    pub(super) fn strays(&self, method: &str, path: &str, answered: &Answered) -> Vec<String> {
        let Some((template, operation)) = self.operation(method, path) else {
            return Vec::new();
        };
        let what = format!("{method} {template} answered {}", answered.status);
        let response = self.target(&operation["responses"][answered.status.to_string()]);
        if response.is_null() {
            return vec![format!("{what}, which is not in the document")];
        }
        let mut strays = Vec::new();
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let is_required = self.target(header)["required"] == true;
            if is_required && !answered.headers.contains_key(name) {
                strays.push(format!("{what} without {name}"));
            }
        }
        let schema = &response["content"]["application/json"]["schema"]["$ref"];
        let name = schema.as_str().and_then(|name| name.rsplit('/').next());
        if let Some(form) = name.and_then(|name| self.forms.get(name)) {
            let errors = form.iter_errors(&answered.body);
            strays
                .extend(errors.map(|error| format!("{what}: {}: {error}", error.instance_path())));
        }
        strays
    }

    /// The call at this path, and its path as the document has it.
    fn operation(&self, method: &str, path: &str) -> Option<(&str, &Value)> {
        let given: Vec<&str> = path.split('/').collect();
        let is_at = |template: &str| {
            let own: Vec<&str> = template.split('/').collect();
            let pairs = own.iter().zip(&given);
            own.len() == given.len()
                && pairs
                    .into_iter()
                    .all(|(own, given)| own == given || (own.starts_with('{') && !given.is_empty()))
        };
        let paths = self.value["paths"].as_object()?;
        let found = paths.iter().filter(|(template, _)| is_at(template));
        let (template, item) = found.min_by_key(|(template, _)| template.matches('{').count())?;
        let operation = item.get(method.to_ascii_lowercase())?;
        Some((template, operation))
    }

    fn target<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value["$ref"].as_str();
        let place = reference.map(|reference| reference.trim_start_matches('#'));
        place
            .and_then(|place| self.value.pointer(place))
            .unwrap_or(value)
    }
}

pub(super) async fn served(server: &Outside) -> anyhow::Result<()> {
    let answered = server.open(Method::GET, "/openapi.json").send().await?;

    ensure!(answered.status == 200, "{}", answered.status);
    let version = answered.body["openapi"].as_str().unwrap_or_default();
    ensure!(version.starts_with("3.1."), "it is {version}");
    Ok(())
}

pub(super) async fn kept(server: &Outside) -> anyhow::Result<()> {
    let strays = server
        .strays
        .lock()
        .map(|strays| strays.clone())
        .unwrap_or_default();
    let told: Vec<String> = strays.iter().take(TOLD).cloned().collect();
    ensure!(
        told.is_empty(),
        "{} differences: {}",
        strays.len(),
        told.join("; ")
    );
    Ok(())
}
