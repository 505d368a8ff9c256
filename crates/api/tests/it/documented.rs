//! Holds answers against the OpenAPI document: every test of this crate does, with each answer that
//! it gets.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};
use windlass_api::document;

use crate::fixture::Answered;

/// The document.
pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// The form of what each schema describes, by name.
static FORMS: LazyLock<HashMap<String, Validator>> = LazyLock::new(|| {
    let schemas = DOCUMENT["components"]["schemas"].as_object().unwrap();
    let form = |name: &String| {
        let reference = format!("#/components/schemas/{name}");
        let schema = json!({"$ref": reference, "components": DOCUMENT["components"]});
        (name.clone(), jsonschema::validator_for(&schema).unwrap())
    };
    schemas.keys().map(form).collect()
});

/// One call of the document.
#[derive(Debug, Clone)]
pub(crate) struct Documented {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) operation: Value,
}

impl Documented {
    /// The codes that the document has for this status.
    pub(crate) fn codes(&self, status: &str) -> Vec<String> {
        let examples =
            &self.operation["responses"][status]["content"]["application/json"]["examples"];
        let names = examples.as_object().into_iter().flatten();
        names.map(|(name, _)| name.clone()).collect()
    }

    /// Whether its path is this one, with ids in it.
    fn is_at(&self, path: &str) -> bool {
        let (own, given): (Vec<&str>, Vec<&str>) =
            (self.path.split('/').collect(), path.split('/').collect());
        own.len() == given.len()
            && own
                .iter()
                .zip(&given)
                .all(|(own, given)| own == given || (own.starts_with('{') && !given.is_empty()))
    }
}

/// Every call of the document.
pub(crate) fn calls() -> Vec<Documented> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let calls = paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap().iter();
        operations.map(|(method, operation)| Documented {
            method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
            path: path.clone(),
            operation: with_responses(operation.clone()),
        })
    });
    calls.collect()
}

/// The operation with the responses that it refers to.
fn with_responses(mut operation: Value) -> Value {
    let responses = operation["responses"].as_object_mut();
    for (_, response) in responses.into_iter().flatten() {
        let reference = response.get("$ref").and_then(Value::as_str);
        let target = reference.map(|place| DOCUMENT.pointer(place.trim_start_matches('#')));
        if let Some(target) = target {
            *response = target.expect("every reference leads somewhere").clone();
        }
    }
    operation
}

/// What is wrong with a value of a schema of the document.
pub(crate) fn wrong(schema: &Value, value: &Value) -> Vec<String> {
    let name = schema["$ref"].as_str().unwrap_or_default();
    let form = FORMS.get(name.trim_start_matches("#/components/schemas/"));
    let form = form.unwrap_or_else(|| panic!("no schema {schema}"));
    let errors = form.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Fails where the document does not say that a call may be answered so.
pub(crate) fn check(method: &Method, path: &str, answered: &Answered) {
    let all = calls();
    let at = |call: &&Documented| call.method == *method && call.is_at(path);
    // A path without a parameter there wins over one that has some.
    let found = all
        .iter()
        .filter(at)
        .min_by_key(|call| call.path.matches('{').count());
    let Some(call) = found else {
        return;
    };
    let status = answered.status.as_u16().to_string();
    let what = format!("{method} {} answered {status}", call.path);
    let response = &call.operation["responses"][&status];
    assert!(response.is_object(), "{what}, which is not in the document");
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let reference = header["$ref"].as_str().unwrap_or_default();
        let header = DOCUMENT
            .pointer(reference.trim_start_matches('#'))
            .unwrap_or(header);
        let is_there = answered.headers.contains_key(name);
        assert!(
            is_there || header["required"] != true,
            "{what} without {name}"
        );
    }
    let schema = &response["content"]["application/json"]["schema"];
    if schema.is_null() {
        return;
    }
    let body = answered.body();
    let wrong = wrong(schema, &body);
    assert!(wrong.is_empty(), "{what}: {wrong:?} in {body}");
    let declared: Vec<String> = match status.as_str() {
        // Several errors of several statuses are one bad request.
        "400" => ["400", "403", "404", "409"]
            .iter()
            .flat_map(|status| call.codes(status))
            .collect(),
        status => call.codes(status),
    };
    for error in body["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|_| !answered.status.is_success())
    {
        let code = error["code"].as_str().unwrap_or_default();
        assert!(
            declared.iter().any(|declared| declared == code),
            "{what} with {code}: declare it among `x-errors` of the handler"
        );
    }
}
