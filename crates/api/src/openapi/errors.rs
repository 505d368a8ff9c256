//! Which errors a call may answer: those that follow from what it takes, and those that its handler
//! declares as `x-errors`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Call, headers, resources};
use crate::error_code::ErrorCode;

/// Where a handler declares what only its own rules can answer.
pub(super) const DECLARED: &str = "x-errors";

/// Answers that are the same for nearly all calls: what they are called, and their errors.
const SHARED: [(&str, &[ErrorCode]); 7] = [
    ("Unauthorized", &[ErrorCode::ApiKeyInvalid]),
    (
        "Forbidden",
        &[
            ErrorCode::ScopeInsufficient,
            ErrorCode::OrganizationSuspended,
        ],
    ),
    ("BodyTooLarge", &[ErrorCode::BodyTooLarge]),
    ("MediaTypeUnsupported", &[ErrorCode::MediaTypeUnsupported]),
    ("TooManyRequests", &[ErrorCode::RateLimitExceeded]),
    ("Failed", &[ErrorCode::ApiError, ErrorCode::Timeout]),
    ("Unavailable", &[ErrorCode::Unavailable]),
];

/// An example of each error, and the answers that are the same for nearly all calls, for the calls
/// to refer to.
pub(super) fn define(components: &mut Value) {
    let examples = ErrorCode::ALL.iter().map(|code| {
        let error =
            json!({"type": code.error_type(), "code": code.as_str(), "message": code.meaning()});
        let body = json!({"errors": [error], "request_id": "req_0324yi079gvoyldtQqlVbZ"});
        let example = json!({"summary": code.meaning(), "value": body});
        (code.as_str().to_owned(), example)
    });
    components["examples"] = Value::Object(examples.collect());
    for (name, codes) in SHARED {
        components["responses"][name] = response(codes);
    }
}

/// Adds an answer for each status that the call may fail with.
pub(super) fn add(call: &mut Call<'_>) {
    let declared = call.operation.remove(DECLARED).unwrap_or_default();
    let mut statuses: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in ErrorCode::ALL {
        let is_declared = declared
            .as_array()
            .is_some_and(|declared| declared.iter().any(|name| name == code.as_str()));
        if is_declared || follows(*code, call) {
            let codes = statuses.entry(code.status().as_u16()).or_default();
            codes.push(*code);
        }
    }
    for (status, codes) in statuses {
        let shared = SHARED.iter().find(|(_, shared)| *shared == codes);
        call.operation["responses"][status.to_string()] = match shared {
            Some((name, _)) => json!({"$ref": format!("#/components/responses/{name}")}),
            None => response(&codes),
        };
    }
}

fn response(codes: &[ErrorCode]) -> Value {
    let names: Vec<String> = codes
        .iter()
        .map(|code| format!("`{}`", code.as_str()))
        .collect();
    let examples = codes.iter().map(|code| {
        let place = format!("#/components/examples/{}", code.as_str());
        (code.as_str().to_owned(), json!({"$ref": place}))
    });
    let examples = Value::Object(examples.collect());
    let schema = json!({"$ref": "#/components/schemas/ErrorsBody"});
    let mut response = json!({
        "description": format!("{}.", names.join(", ")),
        "content": {"application/json": {"schema": schema, "examples": examples}},
    });
    let status = codes.first().map(|code| code.status().as_u16());
    for name in headers::of_error(status.unwrap_or_default()) {
        response["headers"][*name] = headers::reference(name);
    }
    response
}

/// Whether an error follows from what a call is and takes. What depends on its own rules does not.
fn follows(code: ErrorCode, call: &Call<'_>) -> bool {
    let has = |name: &str| call.parameters("query").contains(&name);
    match code {
        ErrorCode::ApiError | ErrorCode::Timeout | ErrorCode::Unavailable => true,
        ErrorCode::ApiKeyInvalid
        | ErrorCode::OrganizationSuspended
        | ErrorCode::RateLimitExceeded
        | ErrorCode::ScopeInsufficient => call.is_keyed(),
        ErrorCode::ParameterUnknown => true,
        ErrorCode::ParameterInvalid => !call.parameters("query").is_empty(),
        ErrorCode::IncludeInvalid => has("include"),
        ErrorCode::CursorInvalid => has("cursor"),
        ErrorCode::InputMissing | ErrorCode::InputInvalid => call.takes_body(),
        ErrorCode::InputUnknown
        | ErrorCode::BodyInvalid
        | ErrorCode::BodyTooLarge
        | ErrorCode::MediaTypeUnsupported => call.is_keyed(),
        ErrorCode::IdempotencyKeyError | ErrorCode::IdempotencyError => {
            call.is_write() && !call.is_workers()
        }
        ErrorCode::AgentNotFound
        | ErrorCode::CredentialNotFound
        | ErrorCode::TaskNotFound
        | ErrorCode::TaskRunNotFound
        | ErrorCode::SessionNotFound
        | ErrorCode::StorageNotFound
        | ErrorCode::EventNotFound
        | ErrorCode::EventDestinationNotFound
        | ErrorCode::EventDeliveryNotFound
        | ErrorCode::WorkerNotFound
        | ErrorCode::SourceNotFound => resources::of_path(call.path)
            .iter()
            .any(|resource| resource.not_found == code),
        // A path or a method that is not in the document.
        ErrorCode::EndpointNotFound | ErrorCode::MethodNotAllowed => false,
        ErrorCode::SchemaInvalid
        | ErrorCode::PlaybookNotFound
        | ErrorCode::RunNotCancelable
        | ErrorCode::RunNotReviewable
        | ErrorCode::RunNotRunning
        | ErrorCode::InteractionNotPending
        | ErrorCode::LeaseLost
        | ErrorCode::SessionMismatch
        | ErrorCode::SessionEnded
        | ErrorCode::CredentialDeleted
        | ErrorCode::ResourceInUse
        | ErrorCode::IdTaken
        | ErrorCode::SessionLimitExceeded
        | ErrorCode::QueueLimitExceeded
        | ErrorCode::SourceInvalid
        | ErrorCode::SourceBlocked
        | ErrorCode::StorageExpired => false,
    }
}
