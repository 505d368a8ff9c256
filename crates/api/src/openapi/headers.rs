//! Headers of requests and answers that calls have in common.

use serde_json::{Value, json};

use super::Call;

const REQUEST_ID: &str = "X-Request-Id";
const REPLAYED: &str = "Idempotent-Replayed";
const RETRY_AFTER: &str = "Retry-After";
const AUTHENTICATE: &str = "WWW-Authenticate";

/// How an organization stands. Errors have them, too; they are said where a client goes by them.
const RATE_LIMIT: [&str; 3] = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"];

/// Defines them, for the calls to refer to.
pub(super) fn define(components: &mut Value) {
    components["headers"] = json!({
        REQUEST_ID: {
            "description": "The request that this answers; it leads to the server's log lines.",
            "required": true,
            "schema": {"type": "string"},
            "example": "req_0324yi079gvoyldtQqlVbZ",
        },
        REPLAYED: {
            "description": "`true` where the answer was kept under the request's idempotency key.",
            "schema": {"type": "string", "const": "true"},
        },
        RETRY_AFTER: {
            "description": "After how many seconds it may be tried again.",
            "required": true,
            "schema": {"type": "integer", "minimum": 0},
            "example": 1,
        },
        AUTHENTICATE: {
            "description": "How to authenticate.",
            "required": true,
            "schema": {"type": "string", "const": "Bearer"},
        },
    });
    for (name, description) in RATE_LIMIT.iter().zip([
        "How many requests the organization may make in ten seconds. Every answer to a request with a \
         key has it, where there is a limit.",
        "How many of them are left.",
        "In how many seconds all of them are there again.",
    ]) {
        components["headers"][name] = json!({
            "description": description, "schema": {"type": "integer", "minimum": 0},
        });
    }
    components["parameters"] = json!({
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Your key for \"do this once\": the first success under it is kept for 24 \
                hours and answered again.",
            "schema": {
                "type": "string", "minLength": 1, "maxLength": 256, "pattern": "^[ -~]{1,256}$",
            },
            "example": "order-7/start",
        },
    });
}

/// Adds to a call what its requests and answers may have.
pub(super) fn add(call: &mut Call<'_>) {
    // Workers' calls are repeated without a key, and count on no rate.
    let is_workers = call.is_workers();
    let (is_write, is_keyed) = (
        call.is_write() && !is_workers,
        call.is_keyed() && !is_workers,
    );
    if is_write {
        let parameters = call.operation.entry("parameters").or_insert(json!([]));
        if let Value::Array(parameters) = parameters {
            parameters.push(json!({"$ref": "#/components/parameters/IdempotencyKey"}));
        }
    }
    let responses = call.operation["responses"].as_object_mut();
    for (status, response) in responses.into_iter().flatten() {
        if response.get("$ref").is_some() {
            continue;
        }
        response["headers"][REQUEST_ID] = reference(REQUEST_ID);
        if is_write && super::is_success(status) {
            response["headers"][REPLAYED] = reference(REPLAYED);
        }
        if is_keyed && super::is_success(status) {
            for name in RATE_LIMIT {
                response["headers"][name] = reference(name);
            }
        }
    }
}

/// What an error of this status has.
pub(super) fn of_error(status: u16) -> &'static [&'static str] {
    match status {
        401 => &[REQUEST_ID, AUTHENTICATE],
        429 => &[
            REQUEST_ID,
            RETRY_AFTER,
            "RateLimit-Limit",
            "RateLimit-Remaining",
            "RateLimit-Reset",
        ],
        503 => &[REQUEST_ID, RETRY_AFTER],
        _ => &[REQUEST_ID],
    }
}

/// Where a header is defined.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/headers/{name}")})
}
