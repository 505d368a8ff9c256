//! The resources that paths name, as the document shows them.

use serde_json::Value;

use super::Call;
use crate::error_code::ErrorCode;

/// A resource that a path may name.
pub(super) struct PathResource {
    /// The parameter of the path.
    pub(super) parameter: &'static str,
    /// What answers `object` where there is one of it.
    pub(super) object: &'static str,
    /// The schema that answers one of it.
    pub(super) schema: &'static str,
    /// What a person calls it, with its article.
    pub(super) noun: &'static str,
    /// An id.
    pub(super) id: &'static str,
    /// What is answered where there is none of this id.
    pub(super) not_found: ErrorCode,
}

/// All of them. A path with another parameter fails the tests of the document.
pub(super) const ALL: [PathResource; 12] = [
    PathResource {
        parameter: "agent_id",
        object: "agent",
        schema: "AgentBody",
        noun: "the agent",
        id: "agt_0324ygLuwpuEqQLXlTfeFw",
        not_found: ErrorCode::AgentNotFound,
    },
    PathResource {
        parameter: "source_id",
        object: "source",
        schema: "SourceBody",
        noun: "the source",
        id: "src_0324ygNUQd6U8RxXTH1COe",
        not_found: ErrorCode::SourceNotFound,
    },
    PathResource {
        parameter: "credential_id",
        object: "credential",
        schema: "CredentialBody",
        noun: "the credential",
        id: "cred_0324ygP3uH5Kw9XTMUxbAS",
        not_found: ErrorCode::CredentialNotFound,
    },
    PathResource {
        parameter: "task_id",
        object: "task",
        schema: "TaskBody",
        noun: "the task",
        id: "task_0324ygQdO37zLKt2nQcsFk",
        not_found: ErrorCode::TaskNotFound,
    },
    PathResource {
        parameter: "run_id",
        object: "task_run",
        schema: "RunBody",
        noun: "the run",
        id: "trun_0324ygTmLd1GBzfqb28m5Y",
        not_found: ErrorCode::TaskRunNotFound,
    },
    PathResource {
        parameter: "session_id",
        object: "session",
        schema: "SessionBody",
        noun: "the session",
        id: "sess_0324ygSCrnoc7Ek8y5PBgq",
        not_found: ErrorCode::SessionNotFound,
    },
    PathResource {
        parameter: "storage_id",
        object: "storage",
        schema: "StorageBody",
        noun: "the file",
        id: "stor_0324ygWvJAh4Zk8gsToV1V",
        not_found: ErrorCode::StorageNotFound,
    },
    PathResource {
        parameter: "content_id",
        object: "content",
        schema: "",
        noun: "the file or the screenshot",
        id: "stor_0324ygWvJAh4Zk8gsToV1V",
        not_found: ErrorCode::StorageNotFound,
    },
    PathResource {
        parameter: "event_id",
        object: "event",
        schema: "EventBody",
        noun: "the event",
        id: "evt_0324ygbdkStCcrXpLbuINk",
        not_found: ErrorCode::EventNotFound,
    },
    PathResource {
        parameter: "destination_id",
        object: "event_destination",
        schema: "DestinationBody",
        noun: "the event destination",
        id: "evtd_0324ygdDEMqQFGrdSsCLN3",
        not_found: ErrorCode::EventDestinationNotFound,
    },
    PathResource {
        parameter: "delivery_id",
        object: "event_delivery",
        schema: "DeliveryBody",
        noun: "the event delivery",
        id: "edlv_0324yggMBhQPd3IXHd3Uiq",
        not_found: ErrorCode::EventDeliveryNotFound,
    },
    PathResource {
        parameter: "worker",
        object: "worker",
        // Its answers name it as the path does, and not by its id.
        schema: "",
        noun: "the worker",
        id: "scraper-1",
        not_found: ErrorCode::WorkerNotFound,
    },
];

/// Those that a path names, in its order.
pub(super) fn of_path(path: &str) -> Vec<&'static PathResource> {
    let segments = path.split('/');
    let names = segments.filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
    names.filter_map(of_parameter).collect()
}

/// The one that a path names so.
pub(super) fn of_parameter(name: &str) -> Option<&'static PathResource> {
    ALL.iter().find(|resource| resource.parameter == name)
}

/// Says of each parameter of the path what it names.
pub(super) fn describe(call: &mut Call<'_>) {
    let parameters = call.operation.get_mut("parameters");
    let parameters = parameters.and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        let resource = parameter["name"].as_str().and_then(of_parameter);
        if let Some(resource) = resource.filter(|_| parameter["in"] == "path") {
            let what = match resource.parameter {
                "worker" => "name",
                _ => "id",
            };
            parameter["description"] = Value::from(format!("The {what} of {}.", resource.noun));
            parameter["example"] = Value::from(resource.id);
        }
    }
}
