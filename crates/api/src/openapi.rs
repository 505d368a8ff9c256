//! The OpenAPI document: the calls as their handlers describe them, and what all have in common:
//! authentication, headers, errors, examples, and links from one call to the next.
//!
//! It is made as JSON, since OpenAPI 3.1 says things that the types of `utoipa` do not. Two habits of
//! the bodies are read here, so that nothing is said twice: a description that starts with names in
//! backticks names all values that there are (`names`), and a schema's `example` is the example of
//! every call that takes or answers it (`examples`). The tests of this crate hold each answer that
//! they get against the document.

mod as_it_is;
mod errors;
mod examples;
mod headers;
mod links;
mod names;
mod resources;
mod shapes;

use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;
use utoipa::{PartialSchema, ToSchema};
use windlass_wire::answer::{ErrorBody, ErrorsBody};

use crate::worker;

pub(crate) use as_it_is::AsItIs;

/// The name of the scheme in the document.
const KEY: &str = "api_key";

/// The methods that a path of the document may have.
const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// The groups of calls, in the order in which a reader needs them, each with what it is about.
const TAGS: [(&str, &str); 9] = [
    ("key", "Whether a key works."),
    ("agents", "Agents group tasks."),
    ("sources", "The websites that tasks are done on."),
    (
        "credentials",
        "What authenticates a person at a source. What is secret comes in and never goes out.",
    ),
    ("tasks", "What to do on a source, and the settings of how."),
    (
        "playbooks",
        "Recorded ways through a source, as Chrome's Recorder exports them.",
    ),
    (
        "task runs",
        "Runs of tasks: started, read, waited for, answered, reviewed, canceled.",
    ),
    (
        "sessions",
        "The places with state that runs are done in, one at a time.",
    ),
    ("storage", "The files that runs captured."),
];

/// The groups about what leaves the server by itself.
const EVENT_TAGS: [(&str, &str); 2] = [
    (
        "events",
        "What happened, with the resource as it was at that moment.",
    ),
    (
        "event destinations",
        "Where events are sent, and how each delivery went.",
    ),
];

/// The group of the calls that only workers make.
const WORKERS: (&str, &str) = (
    "workers",
    "The worker protocol: runs are leased, done under their lease, and ended. It is for workers, with \
     a key of scope `worker` or `full`; docs/workers.md leads through it. Every call may be repeated with \
     the same content; an idempotency key changes nothing.",
);

/// One call of the document.
struct Call<'a> {
    path: &'a str,
    method: &'a str,
    operation: &'a mut Map<String, Value>,
}

impl Call<'_> {
    /// Whether it may change something.
    fn is_write(&self) -> bool {
        self.method != "get"
    }

    /// Whether only workers make it.
    fn is_workers(&self) -> bool {
        self.path.starts_with(worker::PREFIX)
    }

    /// Whether it needs a key.
    fn is_keyed(&self) -> bool {
        !self.operation.contains_key("security")
    }

    /// The names of its parameters in this place: `path`, `query` or `header`.
    fn parameters(&self, place: &str) -> Vec<&str> {
        let parameters = self.operation.get("parameters").and_then(Value::as_array);
        let parameters = parameters.map(Vec::as_slice).unwrap_or_default();
        parameters
            .iter()
            .filter(|parameter| parameter["in"] == place)
            .filter_map(|parameter| parameter["name"].as_str())
            .collect()
    }

    /// Whether it takes a body.
    fn takes_body(&self) -> bool {
        self.operation.contains_key("requestBody")
    }

    /// The schema of the JSON that it answers where all is well.
    fn answers(&self) -> Option<&str> {
        let responses = self.operation["responses"].as_object()?;
        let (_, response) = responses.iter().find(|(status, _)| is_success(status))?;
        let schema = &response["content"]["application/json"]["schema"];
        schema["$ref"].as_str().map(schema_name)
    }
}

/// The document of the routers, with what all calls have in common.
pub(crate) fn completed(document: OpenApi) -> Value {
    let mut document =
        serde_json::to_value(document).expect("utoipa writes texts, numbers and maps of texts");
    document["info"] = json!({
        "title": "Windlass",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Runs agent task runs. What all calls have in common, such as lists, errors, \
            waiting and idempotency, stands in docs/api.md.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    });
    document["servers"] = json!([{"url": "/", "description": "The server of this document."}]);
    document["security"] = json!([{KEY: []}]);
    let tags = TAGS.iter().chain(&EVENT_TAGS).chain([&WORKERS]);
    document["tags"] = tags
        .map(|(name, description)| json!({"name": name, "description": description}))
        .collect();
    document["components"]["securitySchemes"] = json!({KEY: {
        "type": "http", "scheme": "bearer", "description": "An API key: `sk_live_…` or `sk_test_…`.",
    }});
    for (name, schema) in [
        (ErrorsBody::name(), ErrorsBody::schema()),
        (ErrorBody::name(), ErrorBody::schema()),
    ] {
        let schema = serde_json::to_value(schema).unwrap_or_default();
        document["components"]["schemas"][name.as_ref()] = schema;
    }
    shapes::tidy(&mut document);
    names::add(&mut document);
    headers::define(&mut document["components"]);
    errors::define(&mut document["components"]);
    let schemas = document["components"]["schemas"].clone();
    for mut call in calls(&mut document) {
        shapes::describe(&mut call);
        resources::describe(&mut call);
        names::add_to_filters(&mut call, &schemas);
        errors::add(&mut call);
        headers::add(&mut call);
        examples::add(&mut call, &schemas);
    }
    examples::move_into_lists(&mut document["components"]["schemas"]);
    links::add(&mut document);
    document
}

fn calls(document: &mut Value) -> Vec<Call<'_>> {
    let paths = document["paths"].as_object_mut();
    let paths = paths.into_iter().flatten();
    let calls = paths.flat_map(|(path, item)| {
        let members = item.as_object_mut().into_iter().flatten();
        members.filter_map(|(method, operation)| {
            Some(Call {
                path,
                method: METHODS.iter().find(|known| *known == method)?,
                operation: operation.as_object_mut()?,
            })
        })
    });
    calls.collect()
}

fn is_success(status: &str) -> bool {
    status.starts_with('2')
}

fn schema_name(reference: &str) -> &str {
    reference.trim_start_matches("#/components/schemas/")
}
